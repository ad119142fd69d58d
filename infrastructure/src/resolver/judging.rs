//! Why uv found no solution: what has no wheel for the target, all of it, and for whom it has one.

use std::collections::{BTreeMap, BTreeSet};

use application::{
    failure::Failure,
    ports::packaging::{DependencySource, Requirement, Requirements},
};
use tokio_util::sync::CancellationToken;

use super::{
    UvResolver,
    asking::{Question, Said},
    index::NoPage,
    releases::{Missing, Releases, Wish},
};
use crate::wheels::offences::misfit;

/// Times that uv is asked again.
const TELLINGS: usize = 10;

impl UvResolver {
    /// Everything that has no wheel: uv stops at the first one, so it is asked again without that.
    pub(super) async fn missing(
        &self,
        question: &Question<'_>,
        mut unwheeled: BTreeSet<(String, Option<String>)>,
    ) -> Result<BTreeMap<String, Missing>, Failure> {
        let mut missing: BTreeMap<String, Missing> = BTreeMap::new();
        for _ in 0..TELLINGS {
            let known = missing.len();
            for (name, version) in unwheeled {
                if !missing.contains_key(&name)
                    && let Some(found) = self.judge(&name, version.as_deref(), question).await?
                {
                    missing.insert(name, found);
                }
            }
            if missing.len() == known {
                break;
            }
            match question.ask(&missing.keys().map(String::as_str).collect()).await? {
                Said::Pylock(_) => break,
                Said::NoSolution { unwheeled: more, .. } => unwheeled = more,
            }
        }
        Ok(missing)
    }

    /// `None` when a wheel is not what it lacks.
    async fn judge(
        &self,
        name: &str,
        version: Option<&str>,
        question: &Question<'_>,
    ) -> Result<Option<Missing>, Failure> {
        let target = question.target;
        let files = match self.pages.index(question).await {
            Some(index) => index.project(name).await,
            None => Err(NoPage),
        };
        match files {
            Ok(files) => {
                let releases = Releases::of(name, files.unwrap_or_default());
                Ok(releases.missing(&Wish::of(name, question.lines, target), target))
            }
            // uv reaches its own index by ways that are not ours, such as a proxy.
            Err(NoPage) if self.index.index().is_none() => {
                self.judge_by_uv(name, version, question).await.map(|text| Some(Missing::Misfit(text)))
            }
            Err(NoPage) => Err(NoPage.into()),
        }
    }

    /// Without an index to look at: whether the newest system would have had a wheel.
    async fn judge_by_uv(
        &self,
        name: &str,
        version: Option<&str>,
        question: &Question<'_>,
    ) -> Result<String, Failure> {
        let pinned = version.map(|version| format!("=={version}")).unwrap_or_default();
        let mut lines: Vec<Requirement> =
            vec![Requirement { text: format!("{name}{pinned}"), sha256: Vec::new() }];
        lines.extend(question.lines.iter().filter(|line| asks_for(line, name)).cloned());
        let newest = question.on_newest(&lines);
        let target = newest.target;
        if let Said::Pylock(pylock) = newest.ask(&BTreeSet::new()).await? {
            let wanted = Requirements { source: DependencySource::Requirements, lines, notes: Vec::new() };
            let answer = self.read(&wanted, pylock, Vec::new(), &target, &CancellationToken::new()).await?;
            if let Some(wheel) = answer.wheels.iter().find(|wheel| wheel.name == name) {
                let files = [(wheel.file_name.as_str(), 0)].into_iter();
                return Ok(misfit(&format!("{name} {}", wheel.version), files, question.target));
            }
        }
        let version = version.map(|version| format!(" {version}")).unwrap_or_default();
        Ok(if self.building.is_some() {
            format!(
                "{name}{version} has no wheel; to build it, this server needs a package index (UV_DEFAULT_INDEX)"
            )
        } else {
            format!("{name}{version} has no wheel; building is disabled on this server")
        })
    }
}

fn asks_for(line: &Requirement, name: &str) -> bool {
    let rest = line.text.strip_prefix(name);
    rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '-'))
}
