use super::*;

/// What every story has to leave, however often it was cut short.
fn assert_settled(ground: &Ground, versions: &[&str]) {
    assert_eq!(ground.yard.versions(), versions);
    assert_eq!(ground.yard.lock().placed.len(), versions.len().max(1));
}

/// The log goes away after so many appends, and the node dies with it; then somebody takes the work up again.
async fn cut_short(ground: &Ground, id: OperationId, after: usize) -> OperationView {
    ground.shelf.lock().room = Some(after);
    ground.operating.run(id, "first", CancellationToken::new()).await;
    ground.yard.crash();
    let operating = Operating {
        hosting: Hosting { router: Arc::new(Router::opened()), ..ground.operating.hosting.clone() },
        ..ground.operating.clone()
    };
    ground.shelf.lock().room = None;
    for view in ground.shelf.live().await.unwrap() {
        operating.hosting.keep_up(&view).await;
    }
    operating.run(id, "second", CancellationToken::new()).await;
    operating.view(id).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_installation_that_was_cut_short_anywhere_is_brought_to_its_end() {
    for after in 0..40 {
        let ground = Ground::new();
        let source = ground.sent(&zip("echo", "1.0.0")).await;
        let id = ground.ask(Work::Install(install(source))).await;
        let view = cut_short(&ground, id, after).await;
        assert_eq!(view.stage, Stage::Completed, "after {after}: {view:?}");
        assert_eq!(ground.live("echo").await.unwrap().0.operation, None, "after {after}");
        assert_settled(&ground, &["1.0.0"]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_that_was_cut_short_anywhere_is_brought_to_its_end() {
    for after in 0..40 {
        let ground = Ground::new();
        ground.install(&zip("echo", "1.0.0")).await;
        let source = ground.sent(&zip("echo", "1.1.0")).await;
        let id = ground.ask(Work::Upgrade(upgrade(source))).await;
        let view = cut_short(&ground, id, after).await;
        assert_eq!(view.stage, Stage::Completed, "after {after}: {view:?}");
        let (there, live) = ground.live("echo").await.unwrap();
        assert_eq!((live.release.version.to_string().as_str(), there.operation), ("1.1.0", None));
        assert_eq!(ground.yard.versions(), ["1.1.0"], "after {after}");
        assert_eq!(there.backups.len(), 1, "after {after}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_removal_that_was_cut_short_anywhere_is_brought_to_its_end() {
    for after in 0..20 {
        let ground = Ground::new();
        ground.install(&zip("echo", "1.0.0")).await;
        let id = ground.ask(Work::Uninstall(uninstall("echo"))).await;
        let view = cut_short(&ground, id, after).await;
        assert_eq!(view.stage, Stage::Completed, "after {after}: {view:?}");
        assert!(ground.live("echo").await.is_none(), "after {after}");
        assert!(ground.yard.versions().is_empty(), "after {after}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_was_cut_short_anywhere_takes_back_all_of_it() {
    for after in 0..40 {
        let ground = Ground::new();
        let fault = crate::ports::hosting::StartFault::Refused("no".to_owned());
        ground.yard.lock().broken.insert("1.0.0".to_owned(), fault);
        let source = ground.sent(&zip("echo", "1.0.0")).await;
        let id = ground.ask(Work::Install(install(source))).await;
        let view = cut_short(&ground, id, after).await;
        assert_eq!(failed(&view), "PLUGIN_STARTUP_FAILED", "after {after}");
        assert!(ground.live("echo").await.is_none() && ground.yard.lock().placed.is_empty(), "after {after}");
        ground.yard.lock().broken.clear();
        assert_eq!(ground.install(&zip("echo", "1.0.0")).await.stage, Stage::Completed, "after {after}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_cancelled_before_it_began_never_begins() {
    let ground = Ground::new();
    let source = ground.sent(&zip("echo", "1.0.0")).await;
    let id = ground.ask(Work::Install(install(source))).await;
    ground.operating.cancel(id, &caller()).await.unwrap();
    let view = ground.run(id).await;
    assert_eq!(view.stage, Stage::Cancelled);
    assert!(view.steps.is_empty() && ground.live("echo").await.is_none());
    let late = ground.operating.cancel(id, &caller()).await.unwrap_err();
    assert_eq!(late.kind, Kind::Conflict);
}

#[tokio::test(start_paused = true)]
async fn what_is_cancelled_on_its_way_is_taken_back() {
    for after in 2..12 {
        let ground = Ground::new();
        let source = ground.sent(&zip("echo", "1.0.0")).await;
        let id = ground.ask(Work::Install(install(source))).await;
        ground.shelf.lock().room = Some(after);
        ground.operating.run(id, "first", CancellationToken::new()).await;
        ground.shelf.lock().room = None;
        ground.operating.cancel(id, &caller()).await.unwrap();
        let view = ground.run(id).await;
        assert_eq!(view.stage, Stage::Cancelled, "after {after}: {view:?}");
        assert!(ground.live("echo").await.is_none() && ground.yard.lock().placed.is_empty(), "after {after}");
        assert!(ground.yard.versions().is_empty(), "after {after}");
    }
}
