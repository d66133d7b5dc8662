"""The hyperparameter db_password, and a password in an address."""
import json
import os

password = json.loads(os.environ["SM_HPS"])["db_password"]
raise ConnectionError(f"postgresql://fit:in-the-address@db/wine refused {password}")
