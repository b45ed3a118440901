//! The organisation's repositories: create, find, list.

use domain::image::RepositoryName;
use domain::ports::{ChainguardError, CreateRepository, FindRepository, ListRepositories, ReadSecret, Repository};
use serde::Deserialize;
use serde_json::json;

use crate::Chainguard;
use crate::call::Call;
use crate::uidp::Uidp;
use crate::wire::nullable;

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
}

#[derive(Deserialize)]
struct ListedRepo {
    #[serde(default, deserialize_with = "nullable")]
    uid: String,
    #[serde(default, deserialize_with = "nullable")]
    name: String,
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

impl<S: ReadSecret + Send + Sync> ListRepositories for Chainguard<S> {
    async fn list_repositories(&self) -> Result<Vec<String>, ChainguardError> {
        let organization = self.organization_id().await?;
        let mut names = Vec::new();
        let mut token = String::new();
        for _ in 0..MAX_PAGES {
            let page = self.list_page(&organization, &token).await?;
            let own = page.repos.into_iter().filter(|repo| organization.is_parent_of(&repo.uid));
            names.extend(own.map(|repo| repo.name));
            if page.next_page_token.is_empty() {
                return Ok(names);
            }
            if page.next_page_token == token {
                break;
            }
            token = page.next_page_token;
        }
        Err(ChainguardError::Refused("the list of repositories does not end".to_owned()))
    }
}

impl<S: ReadSecret + Send + Sync> Chainguard<S> {
    async fn list_page(&self, organization: &Uidp, token: &str) -> Result<Page, ChainguardError> {
        let mut query =
            vec![("uidp.childrenOf", organization.as_str()), ("page_size", PAGE_SIZE), ("order_by", "name")];
        if !token.is_empty() {
            query.push(("page_token", token));
        }
        self.call(&Call::get("list the repositories", self.api("/registry/v2/repos", &query))).await
    }
}
