"""What a real store does where BigCommerce's documentation says nothing: asked by reads alone, told without a value."""
