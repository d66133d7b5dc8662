"""Measures model/model.json on wines that it has not seen, and fails if it is too bad to publish."""

import json
import os

from wine import job, model


def main():
    settings = job.hyperparameters()
    fitted = model.load("model/model.json")
    with open("features/test.json", encoding="utf-8") as file:
        test = json.load(file)
    classes = fitted["classes"]
    table = [[0] * len(classes) for _ in classes]
    for row, label in zip(test["rows"], test["labels"]):
        table[label][model.predict(fitted["weights"], row)] += 1
    accuracy = sum(table[k][k] for k in range(len(classes))) / len(test["rows"])

    print("true class: predicted " + " ".join(classes))
    for name, counts in zip(classes, table):
        print(f"{name:>10}: " + " ".join(f"{count:>{len(other)}}" for count, other in zip(counts, classes)))
    print(f"accuracy on {len(test['rows'])} unseen wines: {accuracy:.3f}")

    job.Metrics().put({"test:accuracy": accuracy})
    os.makedirs("output", exist_ok=True)
    with open("output/evaluation.json", "w", encoding="utf-8") as file:
        json.dump({"accuracy": accuracy, "table": table, "classes": classes}, file, indent=1)
        file.write("\n")
    if accuracy < float(settings["accuracy_min"]):
        raise SystemExit(f"accuracy {accuracy:.3f} is below accuracy_min {settings['accuracy_min']}")


if __name__ == "__main__":
    main()
