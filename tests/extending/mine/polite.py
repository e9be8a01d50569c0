"""A wording of the prompt: what is not said here is as in `base`, see harness/prompts/wordings/."""

WORDING = {
    "base": "plain",
    "en": {"question": "Please be so kind as to tell which emotion this picture shows."},
}
