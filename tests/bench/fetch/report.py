"""What was measured, as Markdown: a table for each tree, the bound, and for each target whether it was met."""
import statistics
from dataclasses import dataclass, field

MEMORY_MIB = 64
BOUND_TIMES = 1.3
BUSY = 0.25  # processors that others may keep busy before nothing is judged by what was measured
LARGER = ("pex", "large")


@dataclass
class Row:
    """All runs of one recipe with one archive."""
    archive: object
    recipe: object
    runs: list = field(default_factory=list)

    def median(self, name):
        return statistics.median(getattr(run, name) for run in self.runs)

    @property
    def wall(self):
        return self.median("wall_s")

    @property
    def peak(self):
        return max(run.peak_mib for run in self.runs)


@dataclass(frozen=True)
class Bound:
    stages: dict  # name: seconds alone
    cpu_s: float
    cores: int

    @property
    def slowest(self):
        return max(self.stages, key=self.stages.get)

    @property
    def seconds(self):
        return max(self.stages[self.slowest], self.cpu_s / self.cores)

    def __str__(self):
        alone = ", ".join(f"{name} {seconds:.2f}" for name, seconds in self.stages.items())
        return (f"bound {self.seconds:.2f} s, the larger of the slowest stage alone ({self.slowest}: {alone}) and of all CPU, the server's "
                f"included, over {self.cores} processors ({self.cpu_s:.2f} / {self.cores} = {self.cpu_s / self.cores:.2f})")


def bound_of(rows, cores):
    """From the rows of the stages. Frames of `train pack` can be inflated side by side, so there inflating counts by processors."""
    stages = {row.recipe.name: row.wall for row in rows}
    if rows[0].archive.kind == "pack.tar.zst":
        stages["inflate"] /= cores
    return Bound(stages, sum(row.median("cpu_s") + row.median("server_s") for row in rows), cores)


def _table(rows, train, title):
    yield f"| {title} | checks SHA-256 | runs | wall s | CPU s | server's CPU s | peak MiB | × train |"
    yield "|---|---|---|---|---|---|---|---|"
    for row in sorted(rows, key=lambda row: row.wall):
        yield (f"| {row.recipe.name} | {'yes' if row.recipe.verifies else 'no'} | {len(row.runs)} | {row.wall:.2f} | {row.median('cpu_s'):.2f} "
               f"| {row.median('server_s'):.2f} | {row.peak:.0f} | {row.wall / train.wall:.2f} |")


class Report:
    def __init__(self, rows, cores):
        self.rows = rows
        self.cores = cores

    def _of(self, archive, door=None, role=None):
        """The rows of an archive that have runs; without a role those of `train` and its peers."""
        roles = (role,) if role else ("train", "peer")
        return [row for row in self.rows if row.archive == archive and row.runs and row.recipe.role in roles
                and door in (None, row.recipe.door)]

    def _archives(self):
        return list(dict.fromkeys(row.archive for row in self.rows))

    def _train(self, archive, door="http"):
        return self._of(archive, door, "train")[0]

    def _named(self, archive, name, door="http"):
        return next((row for row in self._of(archive, door) if row.recipe.name == name), None)

    def tables(self):
        for archive in self._archives():
            train = self._train(archive)
            size = f"{archive.size / 1e6:.1f} MB, {archive.files:,} files, {archive.bytes / 1e6:,.1f} MB unpacked"
            yield f"\n### {archive.tree}, {archive.label}: {size}\n"
            plain = [row for row in self._of(archive) if row.recipe.door in ("http", "https")]
            yield from _table(plain, train, "over loopback")
            yield f"\n{bound_of(self._of(archive, role='stage'), self.cores)}: `train` takes {self._times(archive):.2f} times that."
            if left := [self._name(row) for row in self.rows if row.archive == archive and not row.runs]:
                yield f"\nLeft out for want of time: {', '.join(left)}."
            if slow := self._of(archive, "shaped"):
                yield ""
                yield from _table(slow, self._train(archive, "shaped"), "each connection 90 MB/s, 10 ms late")

    @staticmethod
    def _name(row):
        return row.recipe.name + (" (shaped)" if row.recipe.door == "shaped" else "")

    def _times(self, archive):
        return self._train(archive).wall / bound_of(self._of(archive, role="stage"), self.cores).seconds

    def verdicts(self):
        yield "\n### Targets\n"
        yield "| target | case | measured | |"
        yield "|---|---|---|---|"
        for target, case, measured, met in self._judged():
            word = "met" if met else "**missed**"
            yield f"| {target} | {case} | {measured} | {word if self.calm() else f'({word})'} |"

    def _judged(self):
        archives = self._archives()
        for archive in archives:
            gz = next(each for each in archives if each.tree == archive.tree and each.kind == "tar.gz")
            aws = self._named(gz, "aws s3 cp - \\| tar xz")
            share = self._train(archive).wall / aws.wall
            if archive.kind == "tar.gz":
                yield "at most 1/3 of `aws s3 cp - \\| tar xz`", archive.key, f"1/{1 / share:.1f}", share <= 1 / 3
            elif archive.kind == "pack.tar.zst":
                yield "its own pack: at most 1/4 of the same", archive.key, f"1/{1 / share:.1f}", share <= 1 / 4
        for archive in archives:
            for door in ("http", "https"):
                if peers := self._of(archive, door, "peer"):
                    best, train = min(peers, key=lambda row: row.wall), self._train(archive, door)
                    left = sum(not row.runs for row in self.rows if row.archive == archive and row.recipe.door == door)
                    yield (f"behind no peer, {door}", archive.key, f"{train.wall / best.wall:.2f} × the best ({best.recipe.name})"
                           + (f"; {left} not measured" if left else ""), train.wall <= best.wall)
        for archive in archives:
            if archive.tree in LARGER:
                yield f"within {BOUND_TIMES} × the bound", archive.key, f"{self._times(archive):.2f} ×", self._times(archive) <= BOUND_TIMES
        for archive in archives:
            peak = max(row.peak for row in self._of(archive, role="train"))
            yield f"peak memory at most {MEMORY_MIB} MiB", archive.key, f"{peak:.0f} MiB", peak <= MEMORY_MIB
        for archive in archives:
            if archive.tree in LARGER and archive.kind == "tar.gz":
                curl = self._named(archive, "curl \\| tar xz", "shaped")
                times = curl.wall / self._train(archive, "shaped").wall
                yield "shaped: at least 3 times as fast as `curl \\| tar xz`", archive.key, f"{times:.1f} times", times >= 3

    def calm(self):
        return self.others() <= BUSY

    def disturbed(self):
        return "" if self.calm() else (
            "\n\n**The machine was busy with other things.** Where there are few runs, a row can be off by more than a factor of two, stages alone "
            "as well as recipes: then even the bound may lie above what `train` took. Verdicts stand in brackets; only the CPU columns and the "
            "memory say something.")

    def others(self):
        """Processors that the rest of the machine kept busy: mean over all measured time."""
        runs = [run for row in self.rows for run in row.runs]
        return sum(run.others * run.wall_s for run in runs) / sum(run.wall_s for run in runs)
