//! Tar archives, entry by entry, for those who write packages and sources.

#[derive(Debug, Clone, Default)]
pub struct Tar(Vec<u8>);

impl Tar {
    #[must_use]
    pub fn file(self, name: &str, content: &[u8]) -> Self {
        self.entry(name, b'0', "", content)
    }

    #[must_use]
    pub fn directory(self, name: &str) -> Self {
        self.entry(name, b'5', "", b"")
    }

    #[must_use]
    pub fn link(self, name: &str, target: &str) -> Self {
        self.entry(name, b'2', target, b"")
    }

    /// Any ustar entry.
    #[must_use]
    pub fn entry(mut self, name: &str, kind: u8, link: &str, content: &[u8]) -> Self {
        let mut head = [0_u8; 512];
        let mut put = |at: usize, text: &str| head[at..at + text.len()].copy_from_slice(text.as_bytes());
        put(0, name);
        put(100, "0000644\0");
        put(108, "0000000\0");
        put(116, "0000000\0");
        put(124, &format!("{:011o}\0", content.len()));
        put(136, "00000000000\0");
        put(148, "        ");
        put(157, link);
        put(257, "ustar\0");
        put(263, "00");
        head[156] = kind;
        let sum: u32 = head.iter().map(|byte| u32::from(*byte)).sum();
        head[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        self.0.extend(head);
        self.0.extend(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    /// With the two empty blocks at its end.
    pub fn bytes(mut self) -> Vec<u8> {
        self.0.extend([0; 1024]);
        self.0
    }
}
