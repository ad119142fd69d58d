//! Packages that fetch something when they are first used, which no lock knows of.

use application::ports::packaging::{Note, Selection};

const FETCHES: [(&str, &str); 27] = [
    ("docling", "its models"),
    ("easyocr", "its models"),
    ("fastembed", "its models"),
    ("faster-whisper", "its models"),
    ("flagembedding", "its models"),
    ("funasr", "its models"),
    ("gensim", "the corpora and models of its downloader"),
    ("huggingface-hub", "models and data sets from a hub"),
    ("modelscope", "models from a hub"),
    ("nltk", "its corpora (NLTK_DATA names a directory that holds them)"),
    ("open-clip-torch", "its models"),
    ("openai-whisper", "its models"),
    ("paddleocr", "its models"),
    ("patchright", "a browser"),
    ("playwright", "a browser (PLAYWRIGHT_BROWSERS_PATH names a directory that holds one)"),
    ("pyppeteer", "a browser"),
    ("rembg", "its models"),
    ("selenium", "a browser driver, unless one is installed"),
    ("sentence-transformers", "its models"),
    ("spacy", "its language models"),
    ("stanza", "its language models"),
    ("tiktoken", "its encodings (the daemon image presets TIKTOKEN_CACHE_DIR)"),
    ("torchaudio", "the weights of its pretrained models"),
    ("torchvision", "the weights of its pretrained models"),
    ("transformers", "its models (HF_HUB_OFFLINE=1 forbids it)"),
    ("unstructured", "the corpora of nltk and, for layouts, models"),
    ("webdriver-manager", "a browser driver"),
];

pub(super) fn downloads(selection: &Selection) -> Option<Note> {
    let found: Vec<String> = FETCHES
        .iter()
        .filter(|(name, _)| selection.wheels.iter().any(|wheel| wheel.name == *name))
        .map(|(name, what)| format!("{name} fetches {what}"))
        .collect();
    let text = format!("May go online when it runs: {}.", found.join("; "));
    (!found.is_empty()).then(|| Note::new("runtime_downloads", text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_normalised_sorted_and_named_once() {
        let names: Vec<&str> = FETCHES.iter().map(|(name, _)| *name).collect();
        let mut sorted = names.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(names, sorted);
        for name in names {
            assert_eq!(name, crate::wheels::normalised(name));
        }
    }
}
