"""The benchmark of the engine gives everyone the same work, and sees whether it was done."""

import functools
from dataclasses import replace
from xml.etree import ElementTree

import anyio
import pytest

from benchmarks import child, engine, manifests, page, picture, processes, tables
from benchmarks.contest import Cell, Contest
from benchmarks.contestants import CONTESTANTS, Contestant
from benchmarks.figures import of_workload
from benchmarks.player import PlayerError, playing
from benchmarks.record import Record, WrongRunError
from benchmarks.workloads import (
    Workload,
    chain,
    idle,
    layered,
    names,
    research,
    skewed,
    wide,
    workload,
)

WITHOUT_PEERS = [one for one in CONTESTANTS if one.name in {"asyncio", "graphlib", "cortex"}]
SMALL = [
    idle("wide", "wide", wide(30)),
    idle("chain", "chain", chain(12)),
    idle("layered", "layered", layered(4, 6)),
    replace(skewed(0.01), slots=4),
    research(0.05),
]


def _samples(contestant: Contestant, task: Workload) -> child.Sample:
    taking = functools.partial(child.sample, contestant.load(), task)
    return anyio.run(taking, backend="asyncio")


@pytest.mark.parametrize("task", SMALL, ids=lambda task: task.name)
@pytest.mark.parametrize("contestant", WITHOUT_PEERS, ids=lambda one: one.name)
def test_contestant_runs_every_action_once_in_order_within_the_slots(
    contestant: Contestant, task: Workload
) -> None:
    sample = _samples(contestant, task)
    assert sample.run_cpu > 0
    assert sample.run_wall >= task.lower_bound


def _logged(task: Workload, *entries: int) -> Record:
    record = Record(task)
    record.log.extend(entries)
    return record


PAIR = replace(idle("pair", "pair", ((), (0,), ())), slots=1)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ((0, ~0, 1, ~1), "2 of 3 actions ended"),
        ((0, ~0, 0, ~0), "action 0 began twice"),
        ((1, ~1), "action 1 began before what it waits for had ended"),
        ((0, 2), "2 actions ran at once on 1 slots"),
    ],
)
def test_wrong_run_is_refused(entries: tuple[int, ...], message: str) -> None:
    with pytest.raises(WrongRunError, match=message):
        _logged(PAIR, *entries).check()


def test_right_run_is_accepted() -> None:
    _logged(PAIR, 0, ~0, 1, ~1, 2, ~2).check()


def test_lower_bound_is_the_longest_chain_or_the_shared_work() -> None:
    chained = replace(idle("c", "c", chain(3)), seconds=(1.0, 2.0, 3.0))
    spread = replace(idle("w", "w", wide(4)), seconds=(1.0,) * 4, slots=2)
    assert (chained.lower_bound, spread.lower_bound) == (6.0, 2.0)
    assert skewed().lower_bound == pytest.approx(1.0)
    assert research().lower_bound == pytest.approx(2.4)


@pytest.mark.parametrize("quick", [True, False])
def test_workloads_have_the_sizes_that_they_are_named_for(*, quick: bool) -> None:
    sizes = {name: len(workload(name, quick=quick)) for name in names(quick=quick)}
    known = {
        "wide": 1_000,
        "chain": 500,
        "layered": 1_000,
        "layered-10k": 10_000,
        "layered-100k": 100_000,
        "skewed": 220,
        "research": 10,
    }
    assert sizes == {name: known[name] for name in sizes}


def test_process_of_a_contestant_answers_and_ends() -> None:
    with playing("asyncio", "research", quick=True) as player:
        assert player.hear()["ready_cpu"] > 0
        answer = player.play()
    [sample] = answer["samples"]
    assert sample["run_wall"] >= research(1.0).lower_bound
    assert answer["peak_bytes"] > 2**20


def test_process_that_fails_says_why() -> None:
    message = "KeyError: 'nothing'"
    with (
        playing("asyncio", "nothing", quick=True) as player,
        pytest.raises(PlayerError, match=message),
    ):
        player.hear()


def _contest(task: Workload, **cells: Cell) -> Contest:
    contest = Contest([one for one in WITHOUT_PEERS if one.name in cells], lambda _: None)
    contest.cells = {(name, task.name): cell for name, cell in cells.items()}
    return contest


def _cell(*run_cpu: float) -> Cell:
    rounds = [
        {
            "samples": [{"prepare_cpu": 0.0, "run_cpu": cpu, "run_wall": 0.1}],
            "peak_bytes": 30_000_000,
        }
        for cpu in run_cpu
    ]
    return Cell(rounds=rounds, idle_bytes=20_000_000)


def test_figures_are_medians_and_ratios_within_rounds() -> None:
    task = SMALL[0]
    cells = {"asyncio": _cell(0.001, 0.002, 0.001), "cortex": _cell(0.003, 0.004, 0.009)}
    found = of_workload(_contest(task, **cells), task)["results"]["cortex"]
    assert found["cpu_us"]["value"] == pytest.approx(0.004 * 1e6 / len(task))
    assert found["cpu_us"]["ratio"] == pytest.approx(3)
    assert found["growth_mb"]["value"] == pytest.approx(10)


def test_who_failed_or_was_too_slow_is_not_asked_to_do_ten_times_as_much() -> None:
    small, large = SMALL[2], replace(SMALL[2], name="large", smaller="layered")
    cells = {"asyncio": Cell(failure="RecursionError: deep"), "cortex": Cell(slowest=8)}
    contest = _contest(small, **cells)
    contest.run(large)
    found = of_workload(contest, large)["results"]
    assert found["asyncio"]["failure"] == "RecursionError: deep"
    assert found["cortex"]["failure"].startswith("over 60 s: about 80 s of CPU time")


def _results(task: Workload) -> dict[str, object]:
    contest = _contest(task, asyncio=_cell(0.001), cortex=Cell(failure="a.b.SomeError: no"))
    return {
        "about": {"python": "3", "platform": "here", "cores": 1, "versions": {}},
        "contestants": ["asyncio", "cortex"],
        "workloads": [of_workload(contest, task)],
        "imports": {"asyncio": {"import_ms": {"value": 1.0, "ratio": 1.0}, "ready_ms": None}},
    }


@pytest.mark.parametrize("task", [SMALL[0], SMALL[4]], ids=lambda task: task.name)
def test_picture_is_svg_with_a_row_for_each_contestant(task: Workload) -> None:
    root = ElementTree.fromstring(picture.draw(_results(task)))
    words = {element.text for element in root.iter() if element.tag.endswith("text")}
    assert root.tag.endswith("svg")
    assert {"asyncio", "cortex"} <= words


def test_page_gives_the_reason_where_there_is_no_figure() -> None:
    parts = page.written({"engine": _results(SMALL[0])})
    assert "- cortex, wide: a.b.SomeError: no" in parts["failures"]
    assert "SomeError" in parts["engine"]
    assert "33.3 (1.00x)" in parts["engine"]
    assert "AgentLoopExecutor" in parts["contestants"]


def test_table_has_columns_of_even_width() -> None:
    text = tables.table(["", "n"], [["long name", "1"], ["x", "1,000"]])
    assert len({len(line) for line in text.splitlines()}) == 1


def test_cortex_and_bare_asyncio_run_as_many_processes() -> None:
    results = processes.measure(4, 1)["results"]
    assert results["asyncio"]["ratio"] == 1
    assert results["cortex"]["rate"] > 0


def test_large_manifest_is_opened_planned_and_run() -> None:
    [found] = manifests.measure([200])
    assert found["run_cpu"] > 0
    assert "| 200 actions |" in tables.manifests([found])


def test_absent_peer_is_skipped_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    absent = Contestant(
        name="nobody", module="nobody", distribution="no-such-peer", statement="", way=""
    )
    assert engine.present([absent, *WITHOUT_PEERS]) == WITHOUT_PEERS
    assert "skipped: nobody, because no-such-peer is not installed" in capsys.readouterr().err


def test_only_a_whole_run_is_published(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        engine.main(["--quick", "--publish"])
    assert "only a whole run is published" in capsys.readouterr().err
