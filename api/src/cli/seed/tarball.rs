//! A gzipped tar as ipm makes it: the directory `./`, then every file below it. No times, no owners: the same files are
//! the same bytes.

use std::io::{self, Write as _};

use flate2::{Compression, GzBuilder};

const BLOCK: usize = 512;

pub(super) fn packed(files: &[(&str, &[u8])]) -> io::Result<Vec<u8>> {
    let mut tar = header("./", 0, b'5')?.to_vec();
    for (name, bytes) in files {
        tar.extend(header(&format!("./{name}"), bytes.len(), b'0')?);
        tar.extend_from_slice(bytes);
        tar.resize(tar.len().next_multiple_of(BLOCK), 0);
    }
    tar.resize(tar.len() + 2 * BLOCK, 0);
    let mut gzip = GzBuilder::new().mtime(0).write(Vec::new(), Compression::new(6));
    gzip.write_all(&tar)?;
    gzip.finish()
}

/// POSIX.1-1988 ustar.
fn header(name: &str, size: usize, kind: u8) -> io::Result<[u8; BLOCK]> {
    let mut block = [0; BLOCK];
    let mut put = |at: usize, field: &[u8]| block[at..at + field.len()].copy_from_slice(field);
    if name.len() > 100 {
        return Err(io::Error::other("a name of more than 100 bytes needs another header"));
    }
    put(0, name.as_bytes());
    put(100, if kind == b'5' { b"0000755\0" } else { b"0000644\0" });
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{size:011o}\0").as_bytes());
    put(136, b"00000000000\0");
    put(148, b"        ");
    put(156, &[kind]);
    put(257, b"ustar\x0000");
    let sum: u32 = block.iter().copied().map(u32::from).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    Ok(block)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn the_entries_are_those_of_ipm() {
        let packed = packed(&[("README.md", b"# x"), ("package.json", &[b'{'; 600])]).unwrap();
        assert_eq!(&packed[..2], [0x1f, 0x8b]);
        let mut tar = Vec::new();
        flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut tar).unwrap();
        let name = |block: usize| {
            let name = &tar[block * BLOCK..block * BLOCK + 100];
            String::from_utf8(name.iter().copied().take_while(|byte| *byte != 0).collect()).unwrap()
        };
        assert_eq!([name(0), name(1), name(3)], ["./", "./README.md", "./package.json"]);
        assert_eq!(tar.len(), (1 + 2 + 3 + 2) * BLOCK);
        let sum = u32::from_str_radix(std::str::from_utf8(&tar[148..154]).unwrap(), 8).unwrap();
        let blank = |at: usize| if (148..156).contains(&at) { b' ' } else { tar[at] };
        assert_eq!(sum, (0..BLOCK).map(|at| u32::from(blank(at))).sum::<u32>());
    }

    #[test]
    fn a_name_that_does_not_fit_is_refused() {
        assert!(packed(&[(&"a".repeat(99), b"")]).is_err());
    }
}
