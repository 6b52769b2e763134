"""The little model: a FramePack trained by this package on pictures and motions that it draws itself."""
