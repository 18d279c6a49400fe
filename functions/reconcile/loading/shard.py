"""One of several tasks that share a pass: by ranges of ids, or by hours.

Pure. The ranges of all tasks together hold every id once, so that each task reads its own alone.
"""

import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from functions.errors import InvalidSetting

_TASK = {"CLOUD_RUN_TASK_INDEX": "0", "CLOUD_RUN_TASK_COUNT": "1"}  # set by Cloud Run's jobs
_MAX_TASKS = 10_000  # Cloud Run's limit for a job
# Of the ids that Firestore's clients make, in the order of their bytes. All of these characters
# come after the slash, so that a bound parts ids and the paths of their objects alike.
_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_DIGITS = 4  # 62^4 bounds: even for ten thousand tasks
_HOUR_MS = 3_600_000


@dataclass(frozen=True, kw_only=True)
class IdRange:
    """The ids from `low` on and before `high`, in the order of their bytes."""

    low: str = ""
    high: str = ""  # "": without an end

    def has(self, name: str) -> bool:
        """Tell whether an id is one of them."""
        return self.low <= name and (not self.high or name < self.high)


@dataclass(frozen=True, kw_only=True)
class Shard:
    """One of several tasks that share the avatars."""

    index: int = 0
    count: int = 1

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Shard":
        """Return the shard of a Cloud Run job's task; the only one outside such a job.

        Raises:
            InvalidSetting: index and count are not valid.
        """
        texts = {name: environment.get(name, default) for name, default in _TASK.items()}
        for name, text in texts.items():
            if not (text.isascii() and text.isdigit()):
                raise InvalidSetting(f"{name} is {text!r}; accepted: a whole number")
        index, count = (int(text) for text in texts.values())
        if not 1 <= count <= _MAX_TASKS:
            raise InvalidSetting(f"CLOUD_RUN_TASK_COUNT is {count}; accepted: 1 to {_MAX_TASKS}")
        if index >= count:
            raise InvalidSetting(f"CLOUD_RUN_TASK_INDEX is {index}; accepted: 0 to {count - 1}")
        return cls(index=index, count=count)

    @property
    def ids(self) -> IdRange:
        """The ids of this shard: equal shares of ids that Firestore's clients have made."""
        return IdRange(low=self._bound(self.index), high=self._bound(self.index + 1))

    def hours(self, since: int, until: int) -> Iterator[tuple[int, int]]:
        """Yield this shard's parts of a time, each as its begin and its end, in order.

        Hours are dealt out in turn, whatever the time begins with: tasks whose clocks differ leave
        none out, and a task may go back further than the others.

        Args:
            since: epoch ms.
            until: epoch ms, not included.
        """
        if self.count == 1:
            yield since, until
            return
        first = since // _HOUR_MS
        first += (self.index - first) % self.count
        for hour in range(first, -(-until // _HOUR_MS), self.count):
            begin, end = max(since, hour * _HOUR_MS), min(until, (hour + 1) * _HOUR_MS)
            yield begin, end

    def _bound(self, number: int) -> str:
        """Return the first id of a shard; "": there is no such bound."""
        if number in (0, self.count):
            return ""
        left = number * len(_ALPHABET) ** _DIGITS // self.count
        digits = ""
        for _ in range(_DIGITS):
            left, digit = divmod(left, len(_ALPHABET))
            digits = _ALPHABET[digit] + digits
        return digits.rstrip(_ALPHABET[0])
