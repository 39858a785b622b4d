//! What would become of a message to a room, without sending it.

use std::sync::Arc;

use crate::command::RoomSend;
use crate::decide::{self, Refusal};
use crate::id::AccountNo;
use crate::model::App;
use crate::pipeline::Pipeline;
use crate::port::{Foreseen, Trial};

impl Pipeline {
    /// Decides on the message as [`Pipeline::send_to_room`] does, and asks the members who would get it at this moment:
    /// those after `after`, at most `limit`, one by one. Nothing is charged, written or told; the room's rate of messages of
    /// high priority is not asked.
    ///
    /// # Errors
    /// As [`decide::send_to_room`]; [`Refusal::Store`].
    pub async fn explain_in_room(
        &self,
        app: &App,
        command: RoomSend,
        after: AccountNo,
        limit: usize,
    ) -> Result<Foreseen, Refusal> {
        let seen = self.look(app, command.room, &command.sender, command.to.named()).await?;
        let plan = decide::send_to_room(command, &seen.facts(app))?;
        Ok(self.live.foresee(Trial { message: Arc::new(plan.message), after, limit }).await)
    }
}
