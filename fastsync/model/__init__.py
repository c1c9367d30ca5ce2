"""The nouns: frozen values, and pure functions on them.

Tables, keys, pages, differences, settings, and the events that cross from a worker to the parent. Every other
package may use them. They must not import anything of fastsync but errors, do no input or output, and hold no
state.
"""
