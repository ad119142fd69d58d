//! Records of an archive that contradict each other, and extra fields that say something else than the header.

use plugyard_tests::{
    Archive, Entry, Plugin, Records,
    archive::HAS_DESCRIPTOR,
    records::{Wide, at},
};

use crate::hostile_doors::Doors;

const AMBIGUOUS: &str = "PACKAGE_AMBIGUOUS";
const INVALID: &str = "PACKAGE_INVALID";
const LARGE: &str = "PACKAGE_TOO_LARGE";
const ENTRY: &str = "PACKAGE_UNSAFE_ENTRY";
const FULL: u32 = u32::MAX;

/// One entry of the table: what it is, how the sound archive is spoilt, and the word for it.
type Lie = (&'static str, fn(&mut Records), &'static str);

/// The same about zip64 records.
type WideLie = (&'static str, fn(&mut Wide), &'static str);

fn plugin() -> Archive {
    Plugin::new("host").archive()
}

/// `main.py` without a descriptor, for lies about its header.
fn plain() -> Archive {
    plugin().change("main.py", |entry| *entry = Entry::plain("main.py", entry.content.clone()))
}

fn extra(id: u16, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap();
    [&id.to_le_bytes(), &length.to_le_bytes(), body].concat()
}

async fn refused(archive: fn() -> Archive, lies: &[Lie]) {
    let doors = Doors::new().await;
    for (what, spoil, reason) in lies {
        let mut records = Records::of(&archive());
        spoil(&mut records);
        doors.refuses(what, &records.0, reason).await;
    }
    doors.is_well().await;
}

#[tokio::test]
async fn an_end_record_that_lies_refuses_the_package() {
    let lies: [Lie; 7] = [
        (
            "an entry hidden by the count",
            |zip| {
                let (end, count) = (zip.end(), zip.get16(zip.end() + at::END_COUNT) - 1);
                zip.put16(end + at::END_HERE, count);
                zip.put16(end + at::END_COUNT, count);
            },
            AMBIGUOUS,
        ),
        (
            "an entry too many",
            |zip| {
                let (end, count) = (zip.end(), zip.get16(zip.end() + at::END_COUNT) + 1);
                zip.put16(end + at::END_HERE, count);
                zip.put16(end + at::END_COUNT, count);
            },
            INVALID,
        ),
        ("two counts", |zip| zip.put16(zip.end() + at::END_HERE, 1), INVALID),
        ("the second of two disks", |zip| zip.put16(zip.end() + at::END_DISK, 1), INVALID),
        (
            "a directory one byte on",
            |zip| {
                let offset = zip.get32(zip.end() + at::END_OFFSET);
                zip.put32(zip.end() + at::END_OFFSET, offset + 1);
            },
            AMBIGUOUS,
        ),
        (
            "a directory one byte longer",
            |zip| {
                let size = zip.get32(zip.end() + at::END_SIZE);
                zip.put32(zip.end() + at::END_SIZE, size + 1);
            },
            AMBIGUOUS,
        ),
        ("a directory beyond the file", |zip| zip.put32(zip.end() + at::END_OFFSET, FULL - 1), AMBIGUOUS),
    ];
    refused(plugin, &lies).await;
}

#[tokio::test]
async fn headers_that_contradict_the_directory_refuse_the_package() {
    let lies: [Lie; 10] = [
        (
            "stored here, deflated there",
            |zip| zip.put16(zip.local("main.py") + at::LOCAL_METHOD, 0),
            AMBIGUOUS,
        ),
        (
            "one name in two encodings",
            |zip| zip.put16(zip.local("main.py") + at::LOCAL_FLAGS, 0x800),
            AMBIGUOUS,
        ),
        ("another checksum", |zip| zip.put32(zip.local("main.py") + at::LOCAL_CRC, 1), AMBIGUOUS),
        ("another size", |zip| zip.put32(zip.local("main.py") + at::LOCAL_SIZE, 1), AMBIGUOUS),
        ("another packed size", |zip| zip.put32(zip.local("main.py") + at::LOCAL_PACKED, 1), AMBIGUOUS),
        (
            "a descriptor announced and missing",
            |zip| {
                zip.put16(zip.local("main.py") + at::LOCAL_FLAGS, HAS_DESCRIPTOR);
                zip.put16(zip.central("main.py") + at::FLAGS, HAS_DESCRIPTOR);
            },
            AMBIGUOUS,
        ),
        (
            "data that reaches into the next entry",
            |zip| {
                let packed = zip.get32(zip.central("main.py") + at::PACKED) + 8;
                zip.put32(zip.local("main.py") + at::LOCAL_PACKED, packed);
                zip.put32(zip.central("main.py") + at::PACKED, packed);
            },
            LARGE,
        ),
        (
            "two entries with one header",
            |zip| {
                let offset = zip.get32(zip.central("main.py") + at::OFFSET);
                zip.put32(zip.central("manifest.yaml") + at::OFFSET, offset);
            },
            LARGE,
        ),
        (
            "an entry inside the data of another",
            |zip| {
                let inside = u32::try_from(zip.data("main.py") + 1).unwrap();
                zip.put32(zip.central("main.py") + at::OFFSET, inside);
            },
            AMBIGUOUS,
        ),
        (
            "a compression nobody here reads",
            |zip| {
                zip.put16(zip.local("main.py") + at::LOCAL_METHOD, 12);
                zip.put16(zip.central("main.py") + at::METHOD, 12);
            },
            ENTRY,
        ),
    ];
    refused(plain, &lies).await;
}

#[tokio::test]
async fn descriptors_and_attributes_that_lie_refuse_the_package() {
    let lies: [Lie; 5] = [
        (
            "another checksum in the directory",
            |zip| zip.put32(zip.central("main.py") + at::CRC, 1),
            AMBIGUOUS,
        ),
        ("another size in the directory", |zip| zip.put32(zip.central("main.py") + at::SIZE, 1), AMBIGUOUS),
        (
            "a descriptor not announced",
            |zip| {
                zip.put16(zip.local("main.py") + at::LOCAL_FLAGS, 0);
                zip.put16(zip.central("main.py") + at::FLAGS, 0);
            },
            AMBIGUOUS,
        ),
        ("a file that is a directory", |zip| zip.put32(zip.central("main.py") + at::ATTRIBUTES, 0x10), ENTRY),
        (
            "another compressed stream behind the first",
            |zip| {
                let (packed, data) = (zip.get32(zip.central("main.py") + at::PACKED), zip.data("main.py"));
                // The first stream becomes an empty one; what follows it is hidden from a reader that stops there.
                assert!(packed > 8);
                zip.0[data..data + 2].copy_from_slice(&[3, 0]);
            },
            INVALID,
        ),
    ];
    refused(plugin, &lies).await;
}

#[tokio::test]
async fn extra_fields_that_say_something_else_refuse_the_package() {
    let doors = Doors::new().await;
    let wide = |size: u64| extra(1, &size.to_le_bytes());
    let named = |name: &[u8]| extra(0x7075, &[&[1, 0, 0, 0, 0], name].concat());
    for (what, field, reason) in [
        ("another name", named(b"evil.py"), AMBIGUOUS),
        ("another name too short to be one", extra(0x7075, &[1]), AMBIGUOUS),
        ("two wide sizes", [wide(1), wide(2)].concat(), AMBIGUOUS),
        ("a field longer than the record", vec![0x55, 0x54, 0xff, 0xff], INVALID),
    ] {
        let both = plugin().change("main.py", |entry| {
            (entry.extra, entry.local_extra) = (field.clone(), field.clone());
        });
        doors.refuses(what, &both.bytes(), reason).await;
        let local = plugin().change("main.py", |entry| entry.local_extra = field);
        doors.refuses(what, &local.bytes(), reason).await;
    }
    let claimed = |field: Vec<u8>| {
        plugin().change("main.py", |entry| (entry.claimed_size, entry.extra) = (Some(FULL), field))
    };
    doors.refuses("no wide size", &claimed(Vec::new()).bytes(), INVALID).await;
    doors.refuses("half a wide size", &claimed(extra(1, &[0; 4])).bytes(), INVALID).await;
    doors.refuses("a terabyte", &claimed(wide(1 << 40)).bytes(), LARGE).await;
    doors.refuses("2^64 - 1 bytes", &claimed(wide(u64::MAX)).bytes(), LARGE).await;
    doors.refuses("a wide size that is another", &claimed(wide(5)).bytes(), AMBIGUOUS).await;
    let dated = plugin().change("main.py", |entry| entry.extra = extra(0x5455, &[1, 0, 0, 0, 0]));
    let upload = plugyard_tests::Upload::bytes("dated.difypkg", dated.bytes());
    doors.yard.try_upload(upload).await.expect(200);
    doors.is_well_after(1).await;
}

#[tokio::test]
async fn zip64_records_that_lie_refuse_the_package() {
    let doors = Doors::new().await;
    let spoilt = |change: fn(&mut Wide)| Records::of(&plugin()).widened(change);
    let lies: [WideLie; 7] = [
        ("another count", |wide| (wide.here, wide.count) = (1, 1), AMBIGUOUS),
        ("two counts", |wide| wide.here = 1, AMBIGUOUS),
        ("another directory", |wide| wide.offset += 1, AMBIGUOUS),
        ("a longer directory", |wide| wide.size = u64::MAX, AMBIGUOUS),
        ("room for more", |wide| wide.length = 45, AMBIGUOUS),
        ("a record elsewhere", |wide| wide.record = u64::MAX - 3, AMBIGUOUS),
        ("many disks", |wide| wide.disks = 9, AMBIGUOUS),
    ];
    for (what, change, reason) in lies {
        doors.refuses(what, &spoilt(change).0, reason).await;
    }
    let saturated = |mut zip: Records| {
        let end = zip.end();
        zip.put16(end + at::END_HERE, u16::MAX);
        zip.put16(end + at::END_COUNT, u16::MAX);
        zip.put32(end + at::END_SIZE, FULL);
        zip.put32(end + at::END_OFFSET, FULL);
        zip.0
    };
    let billions = spoilt(|wide| (wide.here, wide.count) = (1 << 60, 1 << 60));
    doors.refuses("2^60 entries", &saturated(billions), LARGE).await;
    let far = spoilt(|wide| (wide.offset, wide.size) = (u64::MAX - 9, 20));
    doors.refuses("a directory around the end of all numbers", &saturated(far), AMBIGUOUS).await;
    doors.refuses("no wide record", &saturated(Records::of(&plugin())), INVALID).await;
    for honest in [saturated(spoilt(|_| {})), spoilt(|_| {}).0] {
        let upload = plugyard_tests::Upload::bytes("wide.difypkg", honest);
        doors.yard.try_upload(upload).await.expect(200);
    }
    doors.is_well_after(2).await;
}
