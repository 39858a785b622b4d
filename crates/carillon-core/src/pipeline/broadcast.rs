//! Speaking to everyone in an app.

use std::sync::Arc;

use super::Pipeline;
use crate::command;
use crate::decide::{self, Refusal};
use crate::model::{App, Broadcast};
use crate::port::Remember;

impl Pipeline {
    /// Commits one broadcast, and has whoever is online told.
    ///
    /// # Errors
    /// As [`decide::broadcast`]; [`Refusal::UnknownAccount`], [`Refusal::Store`].
    pub async fn broadcast(
        &self,
        app: &App,
        command: command::Broadcast,
        remember: Option<Remember<Broadcast>>,
    ) -> Result<Arc<Broadcast>, Refusal> {
        // Before any account is looked up: what is switched off is refused whoever is named.
        decide::may_broadcast(app)?;
        let from = match &command.from {
            Some(id) => Some(self.known(app, id).await?),
            None => None,
        };
        let broadcast = decide::broadcast(command, app, from.as_ref(), self.clock.now_ms())?;
        Ok(self.store.commit_broadcast(broadcast, remember).await?)
    }
}
