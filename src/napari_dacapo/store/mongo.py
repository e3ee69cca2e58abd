"""Configs, losses and scores in MongoDB.

DaCapo's own store creates indexes when it is made, which is writing; here only
``find`` is sent. A server that does not answer gives an
error after a few seconds.
"""

from __future__ import annotations

import atexit
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from napari_dacapo.errors import OptionsError, StoreNotFoundError
from napari_dacapo.store.config_store import WRITING as WRITING_CONFIGS
from napari_dacapo.store.config_store import ConfigStore
from napari_dacapo.store.read_only import read_only
from napari_dacapo.store.stats_store import WRITING as WRITING_STATS
from napari_dacapo.store.stats_store import (
    StatsStore,
    TrainingIteration,
    ValidationIteration,
    thin,
    training_iterations,
    validation_iterations,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_dacapo.options import Options

__all__ = ["MongoConfigStore", "MongoStatsStore"]

_CONNECT_MS = 5_000
_ANSWER_MS = 30_000


@lru_cache(maxsize=8)
def _client(host: str) -> Any:
    """Return the client of a server; one for all stores on it, as pymongo advises."""
    try:
        from pymongo import MongoClient
        from pymongo.errors import PyMongoError
    except ImportError as error:
        raise OptionsError(
            "The options ask for a MongoDB store, for which pymongo is needed.",
            todo="Install it: pip install 'napari-dacapo[mongo]'.",
        ) from error
    if set(_parts(host)[1]) & set("/?"):
        # pymongo would take a part of the password for a port or a database, and name it.
        raise OptionsError(
            f"The address of the MongoDB server {_shown(host)} holds characters that must be "
            "escaped.",
            todo="Escape user and password in mongo_db_host with urllib.parse.quote_plus.",
        )
    try:
        client: Any = MongoClient(
            host,
            appname="napari-dacapo",
            serverSelectionTimeoutMS=_CONNECT_MS,
            connectTimeoutMS=_CONNECT_MS,
            socketTimeoutMS=_ANSWER_MS,
            retryWrites=False,
        )
    except (PyMongoError, ValueError, TypeError) as error:
        raise OptionsError(
            f"{_shown(host)} is no address of a MongoDB server: {_reason(error)}.",
            todo="mongo_db_host should be like mongodb://user:password@host:27017.",
        ) from error
    atexit.register(client.close)
    return client


class _Database:
    """Sends queries, and turns what goes wrong into our errors."""

    def __init__(self, options: Options, client: Any = None) -> None:
        if not options.mongo_db_host or not options.mongo_db_name:
            raise OptionsError(
                "The options name no database.", todo="Add mongo_db_host and mongo_db_name."
            )
        self.shown = f"{_shown(options.mongo_db_host)}/{options.mongo_db_name}"
        self._client = client if client is not None else _client(options.mongo_db_host)
        self._name = options.mongo_db_name

    def ask(self, collection: str, question: Callable[[Any], Any]) -> Any:
        """Return ``question(collection)``.

        Raises
        ------
        StoreNotFoundError
            If the database does not answer, or not with what was asked for.
        """
        from bson.errors import BSONError
        from pymongo.errors import PyMongoError

        try:
            return question(self._client[self._name][collection])
        except (PyMongoError, BSONError, OSError, RecursionError) as error:
            raise StoreNotFoundError(
                f"The database {self.shown} does not answer: {_reason(error)}.",
                todo="Check mongo_db_host, the network, and your rights there.",
            ) from error

    def find(
        self,
        collection: str,
        query: dict[str, Any],
        fields: tuple[str, ...],
        *,
        order: tuple[str, int] | None = None,
        limit: int = 0,
    ) -> list[dict[str, Any]]:
        """Return documents with these fields of them (all fields if none are named)."""

        def question(documents: Any) -> list[dict[str, Any]]:
            projection: dict[str, Any] = {"_id": False, **dict.fromkeys(fields, True)}
            cursor = documents.find(query, projection).limit(limit).max_time_ms(_ANSWER_MS)
            return list(cursor.sort(*order) if order else cursor)

        found: list[dict[str, Any]] = self.ask(collection, question)
        return found


@read_only(*WRITING_CONFIGS)
class MongoConfigStore(ConfigStore):
    """Configs in the collections of a database.

    Parameters
    ----------
    options : Options
        With ``mongo_db_host`` and ``mongo_db_name``.
    client : pymongo.MongoClient, optional
        By default a client of that host, shared by all stores on it.
    """

    def __init__(self, options: Options, client: Any = None) -> None:
        super().__init__(options)
        self._database = _Database(options, client)

    def __str__(self) -> str:
        return self._database.shown

    def _names(self, folder: str) -> list[str]:
        documents = self._database.find(folder, {}, ("name",))
        names = (document.get("name") for document in documents)
        return sorted({name for name in names if isinstance(name, str) and name})

    def _read(self, folder: str, name: str) -> dict[str, Any] | None:
        # Repetitions of a run share its name; DaCapo's queries mean the first.
        documents = self._database.find(
            folder, {"name": str(name)}, (), order=("repetition", 1), limit=1
        )
        return documents[0] if documents else None


@read_only(*WRITING_STATS)
class MongoStatsStore(StatsStore):
    """Losses and scores in the collections of a database.

    Parameters
    ----------
    options : Options
        With ``mongo_db_host`` and ``mongo_db_name``.
    client : pymongo.MongoClient, optional
        By default a client of that host, shared by all stores on it.
    """

    def __init__(self, options: Options, client: Any = None) -> None:
        self.options = options
        self._database = _Database(options, client)

    def __str__(self) -> str:
        return self._database.shown

    def retrieve_training_stats(
        self, run_name: str, subsample: bool = False
    ) -> list[TrainingIteration]:
        """Return all iterations, by iteration; see `StatsStore`."""
        query: dict[str, Any] = {"run_name": str(run_name)}
        if subsample:
            last = self.last_training_iteration(run_name)
            step = 1 if last is None else (last.iteration + 999) // 1000
            query["iteration"] = {"$mod": [max(step, 1), 0]}
        return self._training(run_name, query, order=("iteration", 1))

    def retrieve_validation_iteration_scores(
        self, run_name: str, subsample: bool = False, validation_interval: int | None = None
    ) -> list[ValidationIteration]:
        """Return all validations, by iteration; see `StatsStore`."""
        records = self._database.find(
            "validation_scores",
            {"run_name": str(run_name)},
            ("iteration", "scores"),
            order=("iteration", 1),
        )
        scores = validation_iterations(records, f"{self}/validation_scores of {run_name}")
        return thin(scores, validation_interval, subsample=subsample)

    def last_training_iteration(self, run_name: str) -> TrainingIteration | None:
        """Return the last iteration; only that is fetched."""
        query = {"run_name": str(run_name)}
        stats = self._training(run_name, query, order=("iteration", -1), limit=1)
        return stats[0] if stats else None

    def _training(
        self, run_name: str, query: dict[str, Any], **options: Any
    ) -> list[TrainingIteration]:
        records = self._database.find(
            "training_stats", query, ("iteration", "loss", "time"), **options
        )
        return training_iterations(records, f"{self}/training_stats of {run_name}")


def _parts(host: str) -> tuple[str, str, str]:
    """Split an address into scheme, user with password, and the rest.

    What comes before the last ``@`` is taken for user and password, whatever
    stands there: nothing of it may be shown.
    """
    match = re.match(r"([a-z+]+)://", host)
    scheme, rest = (match[1], host[match.end() :]) if match else ("mongodb", host)
    user, _, place = rest.rpartition("@")
    return scheme, user, place


def _shown(host: str) -> str:
    """Return the address without user and password, which are nobody's business."""
    scheme, _, place = _parts(host)
    return f"{scheme}://{re.split('[/?]', place)[0]}"


def _reason(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else text[:200] + "…"
