"""How a container is started: C§1.1, and what people type."""
import bases
import engine
from jobs import make_tree, shell

PROJECT = {"pipeline.json": {"command": shell("echo the pipeline; cat data/training/training.csv")}}


def coded(job):
    """The job with its code in <root>/code, where an image or a hand puts it."""
    make_tree(job.path / "code", PROJECT)
    return job


def test_sagemaker_starts_it_with_the_word_train(job):
    result = engine.run(bases.image("debian"), "train", job=coded(job))
    result.check(0, None)
    assert result.pipeline == ["the pipeline", "1,2,3"]
