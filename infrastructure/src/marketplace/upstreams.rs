//! The marketplaces behind repositories: that of the settings, which may take credentials, and the others by their
//! address.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use application::{
    failure::{Failure, Reason},
    ports::marketplace::{Upstream, Upstreams},
    queries::repositories::RepositoryView,
    syncing::{CONFIGURED, MARKETPLACE},
};
use url::Url;

use super::HttpMarketplace;
use crate::fetch::ClientError;

type Make = dyn Fn(Url) -> Result<HttpMarketplace, ClientError> + Send + Sync;

pub struct HttpUpstreams {
    configured: Arc<HttpMarketplace>,
    others: Mutex<HashMap<String, Arc<HttpMarketplace>>>,
    make: Box<Make>,
}

impl HttpUpstreams {
    pub fn new(
        configured: Arc<HttpMarketplace>,
        make: impl Fn(Url) -> Result<HttpMarketplace, ClientError> + Send + Sync + 'static,
    ) -> Self {
        Self { configured, others: Mutex::default(), make: Box::new(make) }
    }
}

impl Upstreams for HttpUpstreams {
    fn configured(&self) -> Arc<dyn Upstream> {
        self.configured.clone()
    }

    fn of(&self, repository: &RepositoryView) -> Result<Arc<dyn Upstream>, Failure> {
        if repository.kind != MARKETPLACE {
            let text = "This repository is no marketplace: there is nothing to read elsewhere";
            return Err(Failure::permanent(Reason::MarketplaceUnavailable, text));
        }
        if repository.name == CONFIGURED {
            return Ok(self.configured.clone());
        }
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = others.get(&repository.url) {
            return Ok(known.clone());
        }
        let made = Url::parse(&repository.url).ok().and_then(|url| (self.make)(url).ok());
        let made = Arc::new(made.ok_or_else(Failure::internal)?);
        others.insert(repository.url.clone(), made.clone());
        Ok(made)
    }
}
