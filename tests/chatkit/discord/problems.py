"""What was wrong in a test: broken rules of the document or of Discord's limits, and faults of the stand-in itself."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Problems:
    found: list[str] = field(default_factory=list)

    def add(self, *problems: str) -> None:
        self.found += problems

    def take(self) -> list[str]:
        """What was found so far; the list is empty afterwards. For tests that provoke a problem on purpose."""
        found, self.found = self.found, []
        return found
