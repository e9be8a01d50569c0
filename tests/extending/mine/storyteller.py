"""A vision-language model: it writes a sentence, and is asked in whatever words a prompt has."""

from harness.identity import Identity
from harness.prompts import Reply


class Storyteller:
    """Answers happy for anything that is not nearly black."""

    capability = "generative"
    family = "vlm"
    modes = ("generate",)
    deterministic = True
    version = "1"

    def __init__(self, *, context):
        pass

    def identity(self, device, dtype):
        return Identity(
            model="mine:storyteller", weights="", adapter=self.version, device=device, dtype=dtype
        )

    def template(self):
        """Digest of whatever turns a question into the text that the model reads."""
        return self.version

    def render(self, question):
        """The text that the model reads."""
        return f"<image>\n{question.text}"

    def load(self, device, dtype):
        return self

    def generate(self, images, questions):
        """For each question N replies."""
        return [[self._reply(image, question) for image in images] for question in questions]

    def _reply(self, image, question):
        mood = "happy" if image.mean() > 40 else "sad"
        polite = "Certainly. " if "please" in question.text.lower() else ""
        return Reply(text=f"{polite}The mood is {mood}.")
