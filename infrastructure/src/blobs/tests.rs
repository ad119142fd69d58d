use super::*;

fn some_file(dir: &Path, bytes: &[u8]) -> (std::path::PathBuf, Digest) {
    use sha2::{Digest as _, Sha256};
    let path = dir.join("file");
    std::fs::write(&path, bytes).unwrap();
    (path, Digest::of_bytes(Sha256::digest(bytes).into()))
}

async fn read(body: Option<Body>) -> Vec<u8> {
    body.unwrap()
        .try_fold(Vec::new(), |mut all, part| async move {
            all.extend_from_slice(&part);
            Ok(all)
        })
        .await
        .unwrap()
}

#[tokio::test]
async fn what_was_put_can_be_read_whole_in_part_and_no_longer_after_its_deletion() {
    let dir = tempfile::tempdir().unwrap();
    let (file, digest) = some_file(dir.path(), b"0123456789");
    let blobs = ObjectBlobs::in_directory(&dir.path().join("store")).unwrap();
    Blobs::put(&blobs, &file, &digest).await.unwrap();
    Blobs::put(&blobs, &file, &digest).await.unwrap();
    assert_eq!(read(blobs.open(&digest, 10, None).await.unwrap()).await, b"0123456789");
    assert_eq!(read(blobs.open(&digest, 10, Some(2..5)).await.unwrap()).await, b"234");
    assert!(blobs.open(&digest, 9, None).await.unwrap().is_none(), "no longer what it was");
    assert_eq!(blobs.older_than(Duration::ZERO).await.unwrap(), std::slice::from_ref(&digest));
    blobs.delete(&digest, Duration::from_hours(1)).await.unwrap();
    assert!(blobs.open(&digest, 10, None).await.unwrap().is_some(), "too young");
    blobs.delete(&digest, Duration::ZERO).await.unwrap();
    blobs.delete(&digest, Duration::ZERO).await.unwrap();
    assert!(blobs.open(&digest, 10, None).await.unwrap().is_none());
}

#[tokio::test]
async fn a_url_gives_the_same_store() {
    let dir = tempfile::tempdir().unwrap();
    let (file, digest) = some_file(dir.path(), b"bytes");
    let url = url::Url::from_directory_path(dir.path()).unwrap();
    let blobs = ObjectBlobs::at(&url, Vec::new()).unwrap();
    Blobs::put(&blobs, &file, &digest).await.unwrap();
    assert!(blobs.local.is_some(), "a directory, with all that is done for one");
    let copy = dir.path().join("copy");
    assert!(blobs.copy(&digest, &copy).await.unwrap());
    assert_eq!(std::fs::read(copy).unwrap(), b"bytes");
    assert!(!blobs.copy(&Digest::of_bytes([0; 32]), &dir.path().join("none")).await.unwrap());
}

fn stored(artifact: &Digest, size: u64) -> StoredResult {
    let target = serde_json::json!({"os": "linux", "arch": "x86_64", "floor": "2.39", "python": "3.12.3"});
    serde_json::from_value(serde_json::json!({
        "artifact": artifact,
        "size": size,
        "plugin": {"author": "a", "name": "b", "version": "0.0.1"},
        "report": {
            "target": target, "strict": true, "source": "none", "resolver": null, "wheels": 0,
            "wheel_bytes": 0, "downloaded_bytes": 0, "cache_hits": 0, "output_bytes": 0,
            "uncompressed_bytes": 0, "sha256": "", "identifier_in": "", "identifier_out": "",
            "needs_glibc": null, "needs_macos": null, "built": [], "signed": false, "verified_install": null, "notes": [], "timings": domain::task::Timings::default()
        }
    }))
    .unwrap()
}

fn in_memory() -> ObjectBlobs {
    ObjectBlobs { store: Arc::new(object_store::memory::InMemory::new()), local: None }
}

#[tokio::test]
async fn a_truncated_blob_is_no_result_and_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let (file, digest) = some_file(dir.path(), b"0123456789");
    for blobs in [ObjectBlobs::in_directory(&dir.path().join("store")).unwrap(), in_memory()] {
        blobs.store.put(&blob_key(&digest), PutPayload::from_static(b"0123")).await.unwrap();
        let result = stored(&digest, 10);
        Results::put(&blobs, &digest, &result).await.unwrap();
        assert_eq!(Results::get(&blobs, &digest).await.unwrap(), None);
        Blobs::put(&blobs, &file, &digest).await.unwrap();
        assert_eq!(read(blobs.open(&digest, 10, None).await.unwrap()).await, b"0123456789");
        assert_eq!(Results::get(&blobs, &digest).await.unwrap(), Some(result));
    }
}

#[tokio::test]
async fn a_blob_that_is_used_again_is_young_again() {
    let dir = tempfile::tempdir().unwrap();
    let (file, digest) = some_file(dir.path(), b"0123456789");
    for blobs in [ObjectBlobs::in_directory(&dir.path().join("store")).unwrap(), in_memory()] {
        Blobs::put(&blobs, &file, &digest).await.unwrap();
        Results::put(&blobs, &digest, &stored(&digest, 10)).await.unwrap();
        for by_result in [false, true] {
            tokio::time::sleep(Duration::from_millis(250)).await;
            assert_eq!(blobs.older_than(Duration::from_millis(200)).await.unwrap().len(), 1);
            if by_result {
                assert!(Results::get(&blobs, &digest).await.unwrap().is_some());
            } else {
                Blobs::put(&blobs, &file, &digest).await.unwrap();
            }
            assert_eq!(blobs.older_than(Duration::from_millis(200)).await.unwrap(), Vec::new());
        }
        assert_eq!(read(blobs.open(&digest, 10, None).await.unwrap()).await, b"0123456789");
    }
}

/// Bytes that nobody named for a day are put again while a sweep removes them.
async fn put_while_they_are_removed(dir: &Path, blobs: &ObjectBlobs, round: u64) -> bool {
    let (file, digest) = some_file(dir, &round.to_be_bytes());
    Blobs::put(blobs, &file, &digest).await.unwrap();
    let root = blobs.local.clone().unwrap();
    let stored = std::fs::File::open(root.join(blob_key(&digest).to_string())).unwrap();
    stored.set_modified(SystemTime::now() - Duration::from_hours(24)).unwrap();
    drop(std::fs::remove_file(&file));
    let (file, digest) = some_file(dir, &round.to_be_bytes());
    let removing = tokio_util::task::TaskTracker::new().spawn({
        let (blobs, digest) = (blobs.clone(), digest.clone());
        async move { blobs.delete(&digest, Duration::from_hours(1)).await }
    });
    Blobs::put(blobs, &file, &digest).await.unwrap();
    removing.await.unwrap().unwrap();
    blobs.open(&digest, 8, None).await.unwrap().is_some()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_put_stays_although_a_sweep_was_removing_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = ObjectBlobs::in_directory(&dir.path().join("store")).unwrap();
    for round in 0..300 {
        assert!(put_while_they_are_removed(dir.path(), &blobs, round).await, "lost in round {round}");
    }
}
