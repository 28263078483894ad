"""How models learn: the one in the box, and one of your own from annotated texts.

`data.py` reads records, `written.py` those that were written for training, `inventory.py` says
which types are easily confused, `examples.py` draws inputs with their answers, `targets.py` lays
these out as tensors, `loop.py` trains for a time that `timed.py` keeps. `recipe.py` made the model
in the box. `finetune.py` is behind `kgbuild train`, `calibration.py` behind `kgbuild calibrate`;
both count with `judging.py`, and the first chooses thresholds with `measuring.py`.

Document-level systems learn from whole documents: `documents.py` says what they are asked,
`document_loop.py` trains, `margins.py` measures what they found and chooses what is enough, and
`systems.py` is behind `kgbuild train --system`. `runs.py` is what all runs share.
"""
