"""The adapter before it is loaded, what its key rests on, and what it says of unfit checkpoints."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file
from tiny_vlms import pictures, save_llava, save_llava_next
from vlm_questions import ask

from harness.errors import ModelError, Unavailable, UsageError
from harness.models import Context
from harness.models.base import Generative, Rendering, RunnableModel
from harness.models.generative import TransformersModel
from harness.models.registry import build_model


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    return save_llava(tmp_path_factory.mktemp("saved") / "llava")


@pytest.fixture
def folder(saved, tmp_path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "llava"))


def model(folder: Path, **options) -> TransformersModel:
    return TransformersModel(context=Context(folder.parent, folder.parent), model=folder.name, **options)


def test_it_has_the_shapes_that_the_harness_asks_for(folder):
    entry = {"adapter": "transformers", "model": "llava"}
    ours = build_model("llava", entry, Context(folder.parent, folder.parent))
    assert isinstance(ours, RunnableModel)
    assert isinstance(ours, Rendering)
    assert (ours.capability, ours.labels, ours.trained_on, dict(ours.correct)) == ("generative", (), None, {})
    assert set(ours.modes) == {"generate", "score"}
    loaded = ours.load("cpu", "float32")
    assert isinstance(loaded, Generative)
    assert loaded.score(pictures((48, 48)), [ask()])[0].shape == (1, 7)


def test_what_is_rendered_before_loading_is_what_is_read_after(folder):
    ours = model(folder)
    question = ask(system="Be glad.", prefill="(")
    assert ours.render(question) == ours.load("cpu", "float32").chat.prompt(question)


def test_naming_digesting_and_listing_import_nothing_heavy(folder):
    code = f"""
import sys
from pathlib import Path
from harness.models import Context
from harness.models.generative import TransformersModel
model = TransformersModel(context=Context(Path({str(folder.parent)!r}), Path(".")), model="llava")
model.identity("cpu", "float32"), model.template(), model.modes
print([name for name in ("torch", "transformers", "tokenizers", "PIL.Image") if name in sys.modules])
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


class TestIdentity:
    """Two runs share stored answers exactly when nothing that moves an answer differs."""

    def digests(self, folder: Path, **options) -> tuple[str, str]:
        ours = model(folder, **options)
        return ours.identity("cpu", "float32").digest(), ours.template()

    def test_the_folder_does_not_matter(self, folder):
        before = self.digests(folder)
        assert self.digests(folder.rename(folder.parent / "moved")) == before

    def test_neither_does_a_file_that_nothing_reads(self, folder):
        before = self.digests(folder)
        (folder / "README.md").write_text("# A model")
        (folder / "trainer_state.json").write_text("{}")
        assert self.digests(folder) == before

    @pytest.mark.parametrize(
        "name", ["chat_template.jinja", "tokenizer.json", "processor_config.json", "generation_config.json"]
    )
    def test_files_that_decide_what_is_read_matter(self, folder, name):
        before = self.digests(folder)
        path = folder / name
        path.write_text(path.read_text() + " ")
        after = self.digests(folder)
        assert after[0] != before[0]
        assert after[1] != before[1]

    def test_weights_matter(self, folder, tmp_path):
        before = model(folder).identity("cpu", "float32")
        other = model(save_llava(tmp_path / "other", seed=1)).identity("cpu", "float32")
        assert other.weights != before.weights
        assert other.processor == before.processor

    def test_dtype_device_attention_and_quantisation_matter(self, folder):
        ours = model(folder)
        one = ours.identity("cpu", "float32")
        assert ours.identity("cpu", "bfloat16").digest() != one.digest()
        assert ours.identity("cuda", "float32").digest() != one.digest()
        assert ours.identity("cuda:0", "float32") == ours.identity("cuda:1", "float32")
        assert model(folder, attention="eager").identity("cpu", "float32").digest() != one.digest()

    def test_it_says_which_versions_and_architecture_it_rests_on(self, folder):
        import torch
        import transformers

        identity = model(folder).identity("cpu", "float32")
        assert identity.model == "transformers:LlavaForConditionalGeneration"
        assert identity.packages["transformers"] == transformers.__version__
        assert identity.packages["torch"] == torch.__version__.partition("+")[0]


def test_attention_backends_answer_alike(folder):
    images, question = pictures((48, 48), (60, 40)), ask()
    eager, default = (model(folder, attention=a).load("cpu", "float32") for a in ("eager", None))
    assert eager.model.config.get_text_config()._attn_implementation == "eager"
    (ours,), (theirs,) = eager.score(images, [question]), default.score(images, [question])
    assert abs(ours - theirs).max() < 1e-4


class TestRefusals:
    """Each is one line with the file's name and what to do."""

    def refused(self, folder: Path, error: type[Exception], match: str, **options) -> None:
        with pytest.raises(error, match=match) as caught:
            model(folder, **options).load("cpu", "float32")
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 700

    @pytest.mark.parametrize("size", [0, 5, 1000, -1])
    def test_cut_weights(self, folder, size):
        path = folder / "model.safetensors"
        path.write_bytes(path.read_bytes()[:size])
        self.refused(
            folder, ModelError, r"cannot load the model in .*llava \(Safetensor.*Fetch or save it again"
        )

    def test_absent_weights(self, folder):
        weights = load_file(folder / "model.safetensors")
        name = "model.language_model.layers.1.mlp.up_proj.weight"
        found = next(key for key in weights if key.endswith("layers.1.mlp.up_proj.weight"))
        weights.pop(found)
        save_file(weights, folder / "model.safetensors", {"format": "pt"})
        self.refused(folder, ModelError, rf"llava lacks 1 weights .* such as {name}\.")

    def test_weights_of_another_size(self, folder):
        config = json.loads((folder / "config.json").read_text())
        config["text_config"]["intermediate_size"] = 48
        (folder / "config.json").write_text(json.dumps(config))
        self.refused(folder, ModelError, "has 6 of another size, such as .*mlp")

    @pytest.mark.parametrize("body", ["", "{}", '{"architectures": []}', "[1]"])
    def test_a_config_that_names_nothing(self, folder, body):
        (folder / "config.json").write_text(body)
        self.refused(folder, ModelError, r"config .*config\.json does not name an architecture")

    def test_a_model_of_text_only(self, folder):
        (folder / "config.json").write_text('{"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]}')
        (folder / "processor_config.json").unlink()
        self.refused(folder, ModelError, "holds no processor of images and text|cannot load the processor")

    def test_a_broken_tokenizer(self, folder):
        (folder / "tokenizer.json").write_text("{")
        self.refused(folder, ModelError, "cannot load the processor in .*llava")

    def test_no_chat_template(self, folder):
        (folder / "chat_template.jinja").unlink()
        ours = model(folder)
        with pytest.raises(ModelError, match="processor of llava has no chat template"):
            ours.render(ask())

    def test_an_absent_folder(self, folder):
        with pytest.raises(Unavailable, match="owner/elsewhere.*hf download owner/elsewhere"):
            TransformersModel(context=Context(folder.parent, folder.parent), model="owner/elsewhere")

    def test_code_of_the_model_without_a_pinned_revision(self, folder):
        for revision in (None, "main", "v1.0"):
            with pytest.raises(UsageError, match="revision is not pinned. Set revision to the 40 digits"):
                model(folder, trust_remote_code=True, revision=revision)

    def test_unknown_options(self, folder):
        for few in (0, "8", True):
            with pytest.raises(UsageError, match="Expected batch_size of model .* to be 1 or more"):
                model(folder, batch_size=few)
        with pytest.raises(UsageError, match="Expected quantisation to be nf4 or empty, but got 'int3'"):
            model(folder, quantisation="int3")
        self.refused(
            folder, UsageError, "Attention teapot cannot be used .* Leave it out", attention="teapot"
        )
        with pytest.raises(UsageError, match="--dtype to be one of float32, bfloat16, float16, but got int8"):
            model(folder).load("cpu", "int8")
        with pytest.raises(UsageError, match="Device teapot cannot be used"):
            model(folder).load("teapot", "float32")


def test_another_template_renders_otherwise(tmp_path):
    assert model(save_llava_next(tmp_path / "next")).render(ask()).startswith("[INST] <image>\nWhich emotion")
