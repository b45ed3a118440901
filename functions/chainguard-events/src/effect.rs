//! What an event leads to. Nothing is done because an event says so: it is a reason to look, and what is seen decides.

use domain::drift::{DriftKind, RepositoryDrift};
use domain::execute::{ExecuteError, execute};
use domain::id::RequestId;
use domain::lifecycle::{Command, Context};
use domain::policy::Policy;
use domain::ports::{
    ChainguardError, Clock, CommitRequest, FindRepositoryById, FindRequestOfRepository, FindTag, LoadRequest,
    PortError, StoredRequest,
};
use domain::request::{Phase, ProvisionedRepository};
use lambda::function::Function as _;

use crate::ChainguardEvents;
use crate::happening::Happening;

/// What is looked at and changed.
pub(crate) struct World<'a, S, G, C> {
    pub(crate) store: &'a S,
    pub(crate) chainguard: &'a G,
    pub(crate) clock: &'a C,
    pub(crate) policy: &'a Policy,
    /// `ce-id` of the event.
    pub(crate) event_id: &'a str,
}

/// Why it is not known what to do. Nothing was done that does harm when it is done again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LookError {
    /// Chainguard could not be asked.
    #[error(transparent)]
    Chainguard(#[from] ChainguardError),
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] PortError),
    /// The request could not be changed.
    #[error(transparent)]
    Execute(#[from] ExecuteError),
}

impl<S, G, C> World<'_, S, G, C>
where
    S: FindRequestOfRepository + LoadRequest + CommitRequest + Sync,
    G: FindTag + FindRepositoryById + Sync,
    C: Clock + Sync,
{
    /// Looks at what is said to have happened; returns what is not as it should be. Doing it twice is doing it once.
    pub(crate) async fn look(&self, happening: Happening) -> Result<Option<RepositoryDrift>, LookError> {
        match happening {
            Happening::TagMoved { repository, tag } => {
                if let Some(stored) = self.request_of(&repository).await? {
                    self.confirm_available(&repository, tag.as_deref(), &stored).await?;
                }
                Ok(None)
            }
            Happening::RepositoryCreated { repository } => match self.request_of(&repository).await? {
                Some(stored) => self.confirm_available(&repository, None, &stored).await.map(|()| None),
                None => self.nobodys(repository).await,
            },
            Happening::RepositoryDeleted { repository } => match self.request_of(&repository).await? {
                Some(stored) => self.gone(repository, &stored).await,
                None => Ok(None),
            },
        }
    }

    async fn request_of(&self, repository: &str) -> Result<Option<StoredRequest>, LookError> {
        match self.store.find_request_of_repository(repository).await? {
            Some(id) => Ok(self.store.load_request(id).await?),
            None => Ok(None),
        }
    }

    /// Makes the request available if it waits for that, and if the tag can be seen.
    async fn confirm_available(
        &self,
        repository: &str,
        moved: Option<&str>,
        stored: &StoredRequest,
    ) -> Result<(), LookError> {
        let waits = match &stored.request.phase {
            Phase::Provisioned { repository: own } => own.id == repository,
            Phase::Pending { .. }
            | Phase::Approved { .. }
            | Phase::Provisioning { .. }
            | Phase::Available { .. }
            | Phase::Rejected { .. }
            | Phase::Cancelled { .. }
            | Phase::Expired { .. }
            | Phase::Failed { .. } => false,
        };
        let submission = &stored.request.submission;
        let wanted = submission.image.tag.as_str();
        // A repository gets hundreds of tags, each of which is an event.
        let is_about_it = moved.is_none_or(|moved| moved == wanted);
        if !waits || !is_about_it || !self.chainguard.has_tag(repository, wanted).await? {
            return Ok(());
        }
        let id = submission.id;
        let context = Context { now: self.clock.now(), policy: self.policy };
        match execute(self.store, id, Command::ConfirmAvailable, &context).await {
            Ok(_) => {
                tracing::info!(function = ChainguardEvents::NAME, request_id = %id, event.id = self.event_id, "{id} is available");
                Ok(())
            }
            // Somebody else has seen the tag.
            Err(ExecuteError::Rejected(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// A repository that a request has, if it is really gone.
    async fn gone(&self, repository: String, stored: &StoredRequest) -> Result<Option<RepositoryDrift>, LookError> {
        let submission = &stored.request.submission;
        let has_it = own_repository(&stored.request.phase).is_some_and(|own| own.id == repository);
        if !has_it || self.chainguard.find_repository_by_id(&repository).await?.is_some() {
            return Ok(None);
        }
        let name = submission.repository_name().to_string();
        Ok(Some(self.drift(DriftKind::Deleted, repository, name, Some(submission.id))))
    }

    /// A repository that was made by no request, if it is really there.
    async fn nobodys(&self, repository: String) -> Result<Option<RepositoryDrift>, LookError> {
        let Some(found) = self.chainguard.find_repository_by_id(&repository).await? else { return Ok(None) };
        // Of a request that is just being provisioned, nothing but the description tells whose the repository is.
        if let Some(id) = found.made_for()
            && let Some(stored) = self.store.load_request(id).await?
            && stored.request.submission.repository_name().as_str() == found.name
        {
            return Ok(None);
        }
        Ok(Some(self.drift(DriftKind::Created, repository, found.name, None)))
    }

    fn drift(
        &self,
        kind: DriftKind,
        repository_id: String,
        repository: String,
        request_id: Option<RequestId>,
    ) -> RepositoryDrift {
        tracing::warn!(
            function = ChainguardEvents::NAME,
            event.id = self.event_id,
            repository_id,
            kind = kind.as_str(),
            "a repository is not what the requests say: {}",
            kind.as_str()
        );
        RepositoryDrift {
            repository_id,
            repository: Some(repository),
            kind,
            request_id,
            observed_at: self.clock.now(),
            chainguard_event_id: self.event_id.to_owned(),
        }
    }
}

/// The repository that the request led to.
const fn own_repository(phase: &Phase) -> Option<&ProvisionedRepository> {
    match phase {
        Phase::Provisioned { repository } | Phase::Available { repository, .. } => Some(repository),
        Phase::Pending { .. }
        | Phase::Approved { .. }
        | Phase::Provisioning { .. }
        | Phase::Rejected { .. }
        | Phase::Cancelled { .. }
        | Phase::Expired { .. }
        | Phase::Failed { .. } => None,
    }
}
