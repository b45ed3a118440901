//! The organisation's repositories: create, find, list, count, delete.

use domain::image::RepositoryName;
use domain::ports::{
    ChainguardError, CountRepositories, CreateRepository, FindRepository, FindRepositoryById, ListRepositories,
    ReadSecret, Repository,
};
use domain::registry::ListedRepository;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use crate::Chainguard;
use crate::call::Call;
use crate::uidp::Uidp;
use crate::wire::{count, instant, nullable};

/// v2's largest page (FACTS §2.0).
const PAGE_SIZE: &str = "200";

/// Most pages of one list, as in Chainguard's own SDK: a server that never ends must not keep us for ever.
const MAX_PAGES: usize = 1000;

/// A v1 Repo, as much of it as is needed. `sync_config` is the one member in snake case, both ways.
#[derive(Deserialize)]
struct Repo {
    #[serde(default, deserialize_with = "nullable")]
    id: String,
    #[serde(default, deserialize_with = "nullable")]
    name: String,
    #[serde(default, deserialize_with = "nullable")]
    description: String,
    #[serde(default, deserialize_with = "nullable")]
    sync_config: SyncConfig,
}

#[derive(Default, Deserialize)]
struct SyncConfig {
    #[serde(default, deserialize_with = "nullable")]
    source: String,
}

#[derive(Deserialize)]
struct Repos {
    #[serde(default, deserialize_with = "nullable")]
    items: Vec<Repo>,
}

/// A page of v2's list.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    #[serde(default, deserialize_with = "nullable")]
    repos: Vec<ListedRepo>,
    /// Empty or missing on the last page.
    #[serde(default, deserialize_with = "nullable")]
    next_page_token: String,
    #[serde(default, deserialize_with = "count")]
    total_count: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListedRepo {
    #[serde(default, deserialize_with = "nullable")]
    uid: String,
    #[serde(default, deserialize_with = "nullable")]
    name: String,
    /// In snake case here too.
    #[serde(default, deserialize_with = "nullable", rename = "sync_config")]
    sync_config: SyncConfig,
    #[serde(default, deserialize_with = "instant")]
    create_time: Option<Timestamp>,
}

impl From<ListedRepo> for ListedRepository {
    fn from(repo: ListedRepo) -> Self {
        Self { name: repo.name, source: repo.sync_config.source, created_at: repo.create_time.map(Into::into) }
    }
}

impl Repo {
    fn is(&self, name: &RepositoryName, organization: &Uidp) -> bool {
        self.name == name.as_str() && organization.is_parent_of(&self.id)
    }
}

impl From<Repo> for Repository {
    fn from(repo: Repo) -> Self {
        Self { id: repo.id, name: repo.name, description: repo.description, source: repo.sync_config.source }
    }
}

impl<S: ReadSecret + Send + Sync> CreateRepository for Chainguard<S> {
    /// Repeating it is safe: `preventExisting` makes a second attempt say that the repository exists, where without it
    /// it would overwrite another one's.
    async fn create_repository(
        &self,
        name: &RepositoryName,
        source: &RepositoryName,
        description: &str,
    ) -> Result<Repository, ChainguardError> {
        let organization = self.organization_id().await?;
        let url = self.api(&format!("/registry/v1/repos/{organization}"), &[("preventExisting", "true")]);
        let body = json!({
            "name": name.as_str(),
            "description": description,
            "sync_config": {"source": source.as_str()},
        });
        let repo: Repo = self.call(&Call::post("create the repository", url, body)).await?;
        if !repo.is(name, &organization) {
            return Err(ChainguardError::Unavailable(format!("creating `{name}` answered with another repository")));
        }
        if repo.sync_config.source.is_empty() {
            return Err(ChainguardError::Refused(format!(
                "`{name}` was created, but without a source: it will never have an image"
            )));
        }
        Ok(repo.into())
    }
}

impl<S: ReadSecret + Send + Sync> FindRepository for Chainguard<S> {
    async fn find_repository(&self, name: &RepositoryName) -> Result<Option<Repository>, ChainguardError> {
        let organization = self.organization_id().await?;
        let query = [("uidp.childrenOf", organization.as_str()), ("name", name.as_str())];
        let url = self.api("/registry/v1/repos", &query);
        let repos: Repos = self.call(&Call::get("find the repository", url)).await?;
        Ok(repos.items.into_iter().find(|repo| repo.is(name, &organization)).map(Repository::from))
    }
}

impl<S: ReadSecret + Send + Sync> FindRepositoryById for Chainguard<S> {
    async fn find_repository_by_id(&self, id: &str) -> Result<Option<Repository>, ChainguardError> {
        let organization = self.organization_id().await?;
        if !organization.is_parent_of(id) {
            return Ok(None);
        }
        let url = self.api("/registry/v1/repos", &[("id", id)]);
        let repos: Repos = self.call(&Call::get("find the repository by its id", url)).await?;
        Ok(repos.items.into_iter().find(|repo| repo.id == id).map(Repository::from))
    }
}

impl<S: ReadSecret + Send + Sync> ListRepositories for Chainguard<S> {
    async fn list_repositories(&self) -> Result<Vec<ListedRepository>, ChainguardError> {
        let organization = self.organization_id().await?;
        let mut listed = Vec::new();
        let mut token = String::new();
        for _ in 0..MAX_PAGES {
            let page = self.list_page(&organization, &token).await?;
            let own = page.repos.into_iter().filter(|repo| organization.is_parent_of(&repo.uid));
            listed.extend(own.map(ListedRepository::from));
            if page.next_page_token.is_empty() {
                return Ok(listed);
            }
            if page.next_page_token == token {
                break;
            }
            token = page.next_page_token;
        }
        Err(ChainguardError::Refused("the list of repositories does not end".to_owned()))
    }
}

impl<S: ReadSecret + Send + Sync> CountRepositories for Chainguard<S> {
    /// What counts against its limit is everything below the organisation (FACTS §3). One small call, whatever the
    /// number.
    async fn count_repositories(&self) -> Result<u64, ChainguardError> {
        let organization = self.organization_id().await?;
        let query = [("uidp.descendants_of", organization.as_str()), ("page_size", "1")];
        let url = self.api("/registry/v2/repos", &query);
        let page: Page = self.call(&Call::get("count the repositories", url)).await?;
        if page.repos.iter().any(|repo| !organization.is_ancestor_of(&repo.uid)) {
            return Err(ChainguardError::Refused("the count is not of the organisation's repositories".to_owned()));
        }
        // v2 is documented to leave empty values out, and a total is an empty value where there is nothing.
        match page.total_count {
            Some(total) => Ok(total),
            None if page.repos.is_empty() => Ok(0),
            None => Err(ChainguardError::Refused("the list of repositories came without its total".to_owned())),
        }
    }
}

/// A deletion whose answer was lost is repeated, and then there is nothing to delete.
pub(crate) fn gone_is_as_good(deleted: Result<(), ChainguardError>) -> Result<(), ChainguardError> {
    match deleted {
        Err(ChainguardError::NotFound(_)) => Ok(()),
        settled => settled,
    }
}

impl<S: ReadSecret + Send + Sync> Chainguard<S> {
    /// Deletes a repository of the organisation, by its UIDP. That it is gone already is as good.
    ///
    /// Needs [`Capability::RepoDelete`](crate::Capability::RepoDelete).
    pub async fn delete_repository(&self, id: &str) -> Result<(), ChainguardError> {
        let organization = self.organization_id().await?;
        if !organization.is_parent_of(id) {
            return Err(ChainguardError::Refused("it is no repository of the organisation".to_owned()));
        }
        let call = Call::delete("delete the repository", self.api(&format!("/registry/v1/repos/{id}"), &[]));
        gone_is_as_good(self.call_for_nothing(&call).await)
    }

    async fn list_page(&self, organization: &Uidp, token: &str) -> Result<Page, ChainguardError> {
        let mut query =
            vec![("uidp.childrenOf", organization.as_str()), ("page_size", PAGE_SIZE), ("order_by", "name")];
        if !token.is_empty() {
            query.push(("page_token", token));
        }
        self.call(&Call::get("list the repositories", self.api("/registry/v2/repos", &query))).await
    }
}
