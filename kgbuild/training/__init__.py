"""How models learn: the one in the box, and one of your own from annotated texts.

`data.py` reads records, `written.py` those that were written for training, `inventory.py` says
which types are easily confused, `examples.py` draws inputs with their answers, `targets.py` lays
these out as tensors, `loop.py` trains. `recipe.py` made the model in the box. `finetune.py` is
behind `kgbuild train`, `calibration.py` behind `kgbuild calibrate`; both count with `judging.py`,
and the first chooses thresholds with `measuring.py`.
"""
