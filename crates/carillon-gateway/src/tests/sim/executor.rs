//! Runs everything on the test's own thread, always in the same order, until nothing is left to do.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};

use tokio::runtime::Runtime;
use tokio::task::LocalSet;

pub(in crate::tests) struct Executor {
    runtime: Runtime,
    tasks: LocalSet,
    bell: Arc<Bell>,
}

#[derive(Default)]
struct Bell(AtomicBool);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Executor {
    pub(in crate::tests) fn new() -> Self {
        // Shards watch TCP sockets, of which there are none.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        Self { runtime, tasks: LocalSet::new(), bell: Arc::default() }
    }

    pub(in crate::tests) fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        self.tasks.spawn_local(task);
    }

    /// Runs until every task waits for something that only the test does.
    pub(in crate::tests) fn settle(&mut self) {
        let _inside = self.runtime.enter();
        let waker = Waker::from(Arc::clone(&self.bell));
        loop {
            self.bell.0.store(false, Ordering::Relaxed);
            let _ = Pin::new(&mut self.tasks).poll(&mut Context::from_waker(&waker));
            if !self.bell.0.load(Ordering::Relaxed) {
                return;
            }
        }
    }

    /// What comes of a call, once everything that follows from it is done.
    pub(in crate::tests) fn run<T: 'static>(&mut self, call: impl Future<Output = T> + 'static) -> T {
        let result = Rc::new(RefCell::new(None));
        let place = Rc::clone(&result);
        self.spawn(async move {
            let it = call.await;
            *place.borrow_mut() = Some(it);
        });
        self.settle();
        result.take().expect("a call waits for nothing that the test does")
    }
}
