"""A site's privileged helper: checks passwords, signs, and acts as a person who has logged in. To be read in an hour.

protocol     the words that web process and helper exchange over a unix socket
config       what the administrator sets             files       the sudo rules and the PAM service as text
conversation a login with PAM, prompt by prompt      brakes      slows down whoever guesses
statements   assertions (who somebody is) and mandates (whose session it is), signed
allowed      which command lines go through          acts        runs them
owners       whose session an id is
people       who may be acted for                names       accounts and groups by the name service's word
aside        looks them up without holding up others
signer       tickets and certificates                audit       who did what, one line each
server       the socket: who may ask, and one answer for each question
"""
