raise ValueError("Größe 🍷 fehlt in Zeile 17" + " — 🍷" * 300)
