"""A BigCommerce store on localhost: a server, its state, a pytest fixture.

It imports nothing else of this package, so that the client and the fake cannot share a mistake.
"""
