from collections import Counter

from nexus_plugin import Plugin


class AnalyticsPlugin(Plugin):
    subscribes = ("user.login",)

    def __init__(self):
        super().__init__()
        self.asked = Counter()

    def answer(self, data):
        """Every question has an answer: what was asked, and how often."""
        query = str((data or {}).get("query", "everything")) if isinstance(data, dict) else "everything"
        self.asked[query] += 1
        return {"query": query, "asked": self.asked[query], "batch_size": self.config.get("batch_size", 50)}

    handlers = {"*": answer}


if __name__ == "__main__":
    AnalyticsPlugin().main()
