"""One-step generators distilled from a teacher that saw corrupted data only.

generator_loss                    SiD's loss of the generator, in one place
outward_variance                  from which width on its gradient pushes outward
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
