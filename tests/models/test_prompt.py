from kgbuild.models.prompt import Prompter, split_words


def prompter(tokenizer) -> Prompter:
    tokenizer.add_special_tokens(["<<ENT>>", "<<SEP>>", "<<REL>>"])
    return Prompter(tokenizer, 0, "<<ENT>>", "<<SEP>>", "<<REL>>")


def test_words_are_letters_with_hyphens_and_single_signs():
    text = "Jean-Luc's 3.5% e_mail"
    assert [text[s:e] for s, e in split_words(text)] == [
        "Jean-Luc",
        "'",
        "s",
        "3",
        ".",
        "5",
        "%",
        "e_mail",
    ]


def test_labels_stand_before_the_text_each_behind_its_own_sign(tokenizer):
    made = prompter(tokenizer)
    labels = made.labels(["person", "city"], ["works with"])
    batch = made.batch([labels], made.words(["Ada wrote"]))
    shown = [tokenizer.id_to_token(i) for i in batch.ids[0].tolist()]
    assert shown == [
        "[CLS]", "<<ENT>>", "person", "<<ENT>>", "city", "<<SEP>>",
        "<<REL>>", "works", "with", "<<SEP>>", "ada", "wrote", "[SEP]",
    ]  # fmt: skip
    assert [shown[i] for i in batch.entity[0]] == ["<<ENT>>", "<<ENT>>"]
    assert [shown[i] for i in batch.relation[0]] == ["<<REL>>"]
    assert [shown[i] for i in batch.words[0]] == ["ada", "wrote"]


def test_a_word_is_represented_by_its_first_token(tokenizer):
    made = prompter(tokenizer)
    (words,) = made.words(["Adaz London"])
    assert [tokenizer.id_to_token(words.ids[i]) for i in words.first] == ["ada", "london"]


def test_a_word_that_the_tokenizer_drops_does_not_shift_the_others(tokenizer):
    made = prompter(tokenizer)
    (words,) = made.words(["Ada \u200b London"])
    assert [tokenizer.id_to_token(words.ids[i]) if i >= 0 else None for i in words.first] == [
        "ada", None, "london",
    ]  # fmt: skip


def test_shorter_inputs_are_padded_on_the_right(tokenizer):
    made = prompter(tokenizer)
    labels = made.labels(["person"], [])
    batch = made.batch([labels, labels], made.words(["Ada wrote about London", "Ada"]))
    assert batch.mask.sum(dim=1).tolist() == [10, 7]
    assert batch.words[1].tolist()[1:] == [-1, -1, -1]
    assert batch.n_words.tolist() == [4, 1]
