"""The commands: what each asks for, and whom it calls. `encephagen.app.cli` lists them."""
