//! What a server takes from the world, so that tests can move time and repeat chance.

use std::sync::Arc;

use carillon_core::port::{Clock, Random};

#[derive(Clone)]
pub struct Ports {
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
}
