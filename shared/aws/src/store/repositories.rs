//! Which repository was made for which request. Written with the record that says so, see `commit`.

use domain::id::RequestId;
use domain::ports::{FindRequestOfRepository, PortError};

use super::Store;
use super::commit::REQUEST_ID;
use super::item::{ItemError, key_attributes, text_of};
use super::keys::Key;
use crate::error::port_error;

const FIND: &str = "find the request of a repository";

impl FindRequestOfRepository for Store {
    async fn find_request_of_repository(&self, repository_id: &str) -> Result<Option<RequestId>, PortError> {
        let found = self
            .client
            .get_item()
            .table_name(&self.requests_table)
            .set_key(Some(key_attributes(&Key::repository(repository_id))))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| port_error(FIND, error))?;
        let request = found.item.as_ref().map(|item| {
            let text = text_of(item, REQUEST_ID)?;
            text.parse().map_err(|_| ItemError::of(REQUEST_ID))
        });
        request.transpose().map_err(|error| error.into_port_error(FIND))
    }
}
