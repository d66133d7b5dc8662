"""What README.md shows is what runs: its examples of metrics, taken from the page."""
import re
import shutil
import subprocess

import pytest

from jobs import DEADLINE_S, PYTHON, REPOSITORY, clean_env, make_tree, project, run

LINE = "#metric train:loss=0.25; step=100"
JAVA = "import java.nio.file.*;\n\npublic class Example {\n    public static void main(String[] words) throws Exception {\n        %s\n    }\n}\n"

# For each language: a file around the example, and the words that run it.
LANGUAGES = {
    "python": ("example.py", "%s", [PYTHON]),
    "sh": ("example.sh", "%s", ["sh"]),
    "r": ("example.R", "%s", ["Rscript", "--vanilla"]),
    "java": ("Example.java", JAVA, ["java", "-XX:TieredStopAtLevel=1"]),
}


def examples():
    section = re.search(r"^## Metrics\n(.*?)^## ", (REPOSITORY / "README.md").read_text(), re.MULTILINE | re.DOTALL).group(1)
    return re.findall(r"^```(\w+)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


def test_every_language_has_an_example():
    assert [language for language, _ in examples()] == ["python", "sh", "r", "java"]


@pytest.mark.parametrize("language, text", examples(), ids=lambda value: value if value in LANGUAGES else "")
def test_an_example_of_metrics(job, language, text):
    name, around, words = LANGUAGES[language]
    if shutil.which(words[0]) is None:
        pytest.skip(f"there is no '{words[0]}' here: the example for {language} did not run")
    folder = make_tree(job.folder / "example", {name: around % text.strip()} | project(command=[*words, name]))
    result = run(job=job, env={"TRAIN_CODE": folder})
    assert result.code == 0, result.err
    assert [line for line in result.metric_lines if not line.startswith("#metric agent:")] == [LINE]
    assert subprocess.run([*words, name], cwd=folder, env=clean_env(), stdin=subprocess.DEVNULL, timeout=DEADLINE_S).returncode == 0  # nobody listens
