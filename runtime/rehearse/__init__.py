"""A trainee made of files calls the persona; what many such calls show; recorded calls played against a draft."""
