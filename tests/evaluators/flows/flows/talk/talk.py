class Talk:
    def __init__(self, limit: int = 3):
        self.limit = limit

    def __call__(self, reply: str) -> dict:
        words = len(reply.split())
        return {"brief": {"short": str(words <= self.limit).lower(), "words": words}, "why": f"{words} words"}

    def __aggregate__(self, line_results: list) -> dict:
        if len(line_results) == 1:
            raise ValueError("one line is no crowd")
        longest = max(line.brief["words"] for line in line_results)
        return {"longest": longest, "lines": [*line_results], "note": f"up to {longest} words", "unset": None}
