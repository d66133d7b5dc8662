"""What was measured, as Markdown: a row for each supervisor, and for each target whether it was met."""
import statistics
from dataclasses import dataclass, field

TRAIN = "**train**"
BARE = "bare exec"
BUSY = 0.25  # processors that others may keep busy before no time is judged
START_MS, MEMORY_MIB, TERM_MS, RELAY_GBS = 5, 4, 10, 1  # product §14


@dataclass
class Figures:
    """Everything of one supervisor; None stands for what never happened."""
    who: object
    start: list = field(default_factory=list)  # ms
    memory: list = field(default_factory=list)  # KiB
    term: list = field(default_factory=list)  # ms
    stalled: list = field(default_factory=list)  # ms, only of `train`
    relay: list = field(default_factory=list)  # GB/s, CPU s/GB, KiB
    reap: list = field(default_factory=list)  # ms

    def relayed(self, index):
        return statistics.median(each[index] for each in self.relay)


def share(values, part):
    """The smallest value that so large a part of the values does not exceed."""
    return sorted(values)[max(0, -(-len(values) * part // 100) - 1)]


def _median(values, digits):
    if not values:
        return "-"
    return "never" if None in values else f"{statistics.median(values):.{digits}f}"


def _term(values):
    if not values:
        return "- | -"
    return "never | never" if None in values else f"{share(values, 50):.2f} | {share(values, 99):.2f}"


def _relay(each):
    if not each.who.relays:
        return f"no relay ({each.relayed(0):.2f}) | 0"
    return f"{each.relayed(0):.2f} | {each.relayed(1):.2f}"


def table(figures):
    tries = {name: max(len(getattr(each, name)) for each in figures) for name in ("start", "term", "relay", "reap")}
    yield "| | start ms | resident MiB | TERM p50 ms | TERM p99 ms | log GB/s | CPU s per GB | 1,000 orphans ms |"
    yield "|---|---|---|---|---|---|---|---|"
    for each in figures:
        memory = f"{max(each.memory) / 1024:.1f}" if each.memory else "-"
        yield f"| {each.who.name} | {_median(each.start, 2)} | {memory} | {_term(each.term)} | {_relay(each)} | {_median(each.reap, 1)} |"
    yield (f"\nMedians of {tries['start']} starts (the toolkit fewer), {tries['relay']} flows and {tries['reap']} crowds of orphans; "
           f"{tries['term']} signals; the largest memory of all runs.\n")


def calm(busy):
    kept = f"the rest of the machine kept {busy:.2f} processors busy meanwhile (an idle machine: 0.1 or less)."
    return kept if busy <= BUSY else f"{kept}\n\n**The machine was busy with other things**: times are those of waiting, verdicts on them stand in brackets."


def _verdict(met, doubtful):
    word = "met" if met else "**missed**"
    return f"({word})" if doubtful else word


def verdicts(figures, fetched, busy):
    """The targets, all of `train`; memory does not depend on what else the machine does."""
    own, bare = figures[TRAIN], figures[BARE]
    over = statistics.median(own.start) - statistics.median(bare.start)
    relaying = max(each[2] for each in own.relay)
    rows = [(f"start: at most {START_MS} ms over a bare exec", f"{over:.2f} ms", over <= START_MS),
            *[(f"resident at most {MEMORY_MIB} MiB, {what}", f"{kib / 1024:.2f} MiB", kib <= MEMORY_MIB * 1024)
              for what, kib in (("supervising", max(own.memory)), ("code fetched from S3 before", max(fetched)),
                                ("log at full speed", relaying))],
            *[(f"TERM within {TERM_MS} ms at the 99th percentile of {len(tries)} tries{what}", f"{share(tries, 99):.2f} ms", share(tries, 99) <= TERM_MS)
              for tries, what in ((own.term, ""), (own.stalled, ", the log's reader stalled"))],
            (f"at least {RELAY_GBS} GB/s of 100-byte lines", f"{own.relayed(0):.2f} GB/s", own.relayed(0) >= RELAY_GBS)]
    yield "| target | measured | |"
    yield "|---|---|---|"
    for target, measured, met in rows:
        yield f"| {target} | {measured} | {_verdict(met, busy > BUSY and not measured.endswith('MiB'))} |"
