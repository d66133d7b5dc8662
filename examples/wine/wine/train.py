"""Fits the model to features/train.json and writes model/model.json."""

import json
import os

from wine import job, model


def main():
    settings = job.hyperparameters()
    metrics = job.Metrics()
    with open("features/train.json", encoding="utf-8") as file:
        features = json.load(file)
    rows, labels, classes = features["rows"], features["labels"], features["classes"]
    weights = [[0.0] * (len(rows[0]) + 1) for _ in classes]
    epochs = int(settings["epochs"])
    for epoch in range(1, epochs + 1):
        loss = model.step(weights, rows, labels, float(settings["learning_rate"]), float(settings["l2"]))
        if epoch % 20 == 0 or epoch == epochs:
            accuracy = model.accuracy(weights, rows, labels)
            metrics.put({"train:loss": loss, "train:accuracy": accuracy}, epoch=epoch)
            print(f"epoch {epoch}: loss {loss:.4f}, accuracy {accuracy:.3f}")
    os.makedirs("model", exist_ok=True)
    model.save("model/model.json", weights, features["scaling"], classes)
    print("wrote model/model.json")
