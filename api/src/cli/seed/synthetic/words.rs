//! What plugins that nobody made are called, and what is said of them.

pub(super) const FIRST: [&str; 64] = [
    "agile", "amber", "async", "atomic", "auto", "basic", "better", "binary", "bright", "calm", "clean",
    "clever", "cloud", "compact", "cosmic", "crisp", "daily", "dark", "deep", "direct", "easy", "elastic",
    "fast", "flexible", "fluent", "focus", "fresh", "global", "golden", "green", "handy", "hybrid", "instant",
    "lazy", "light", "linear", "live", "local", "lucid", "magic", "mini", "modern", "native", "neat", "nimble",
    "open", "plain", "polar", "pure", "quick", "quiet", "rapid", "remote", "robust", "secure", "sharp", "silent",
    "simple", "smart", "solid", "static", "super", "swift", "visual",
];
pub(super) const SECOND: [&str; 64] = [
    "account", "agent", "alert", "api", "archive", "asset", "audit", "auth", "backup", "billing", "board",
    "branch", "bridge", "cache", "calendar", "catalog", "chart", "chat", "cluster", "code", "commit", "config",
    "content", "cost", "data", "deploy", "design", "diagram", "document", "email", "event", "export", "feature",
    "file", "form", "gateway", "graph", "health", "image", "incident", "issue", "job", "kanban", "knowledge",
    "language", "ledger", "log", "mail", "markdown", "memory", "message", "metric", "model", "note", "pipeline",
    "policy", "prompt", "query", "release", "report", "search", "secret", "table", "token",
];
pub(super) const THIRD: [&str; 32] = [
    "analyzer", "assistant", "browser", "builder", "checker", "client", "collector", "connector", "converter",
    "explorer", "exporter", "finder", "formatter", "generator", "guard", "helper", "importer", "insights",
    "inspector", "kit", "linter", "loader", "manager", "monitor", "parser", "planner", "runner", "scheduler",
    "sync", "tracker", "viewer", "watcher",
];
pub(super) const TAGS: [&str; 40] = [
    "productivity", "automation", "security", "monitoring", "observability", "catalog", "documentation", "search",
    "llm", "rag", "agent", "chat", "email", "calendar", "finance", "travel", "weather", "news", "social", "image",
    "video", "audio", "translation", "markdown", "editor", "theme", "git", "ci", "kubernetes", "cloud", "database",
    "sql", "analytics", "charts", "testing", "design", "education", "business", "utilities", "core",
];
pub(super) const DIFY: [&str; 6] = ["agent", "tool", "model", "extension", "bundle", "agent-strategy"];
pub(super) const BACKSTAGE: [&str; 8] =
    ["backend", "frontend", "monitoring", "observability", "documentation", "security", "ci-cd", "infrastructure"];
pub(super) const NEXUS: [&str; 6] =
    ["security", "authentication", "monitoring", "networking", "storage", "notifications"];
pub(super) const SPACE: [&str; 4] = ["command", "tool", "listener", "knowledge"];
pub(super) const LICENSES: [&str; 4] = ["MIT", "Apache-2.0", "BSD-3-Clause", "MPL-2.0"];
pub(super) const VERBS: [&str; 16] = [
    "Adds", "Brings", "Builds", "Checks", "Collects", "Connects", "Finds", "Keeps", "Links", "Makes", "Orders",
    "Reads", "Shows", "Sorts", "Tracks", "Watches",
];
pub(super) const ENDS: [&str; 16] = [
    "for teams that work in many places",
    "in the place where you need it",
    "with one click and no configuration",
    "and tells you when something is wrong",
    "without leaving the editor",
    "across all projects of a portal",
    "with a history of every change",
    "and keeps everything on your own machine",
    "for large workspaces",
    "with support for several languages",
    "on a schedule or on demand",
    "and exports the result as a table",
    "from any source that speaks HTTP",
    "with templates for the usual cases",
    "for people who prefer the keyboard",
    "and shows it as a chart",
];
pub(super) const OPINIONS: [(&str, &str); 8] = [
    ("Excellent plugin!", "Works perfectly with our setup, from the first day."),
    ("Does what it says", "Nothing more and nothing less. We use it daily."),
    ("Good, with rough edges", "The idea is right; the settings could be explained better."),
    ("Saved us a lot of time", "We had a script for this. Not any more."),
    ("Slow with large projects", "Fine below a thousand entries, slow beyond."),
    ("Not for us", "It misses the one source that we need."),
    ("Solid", "Updated often, and nothing broke so far."),
    ("Great support", "An issue of ours was closed within a day."),
];
