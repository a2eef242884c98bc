"""The weight-sharing supernet and the stand-alone networks cut out of it."""
