"""Train and run small and medium neural networks on a CPU, with Keras's words.

`import lamina as keras` runs Keras code that uses layers, models, losses, metrics, optimizers and
callbacks. Start with `lamina.Sequential`, `lamina.layers` and `Model.fit`.
"""
