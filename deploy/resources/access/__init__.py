"""Who may do what: the roles of accounts, and rights on the objects of the app's bucket."""
