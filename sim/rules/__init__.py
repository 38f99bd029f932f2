"""The rules of a member's life, each written once.

Every function here is plain Python over (member, state, tables, time): the reference driver calls it as it stands, the
production driver compiles it. `m` is one row of sim.member.MEMBER, `i` its place in the arrays of the chunk `s`
(sim.state.Chunk), `t` the compiled tables (sim.tables.Tables), `now` a time in days, `cell` the row of the tally cube.
Nothing in a rule depends on the run's length, on other members or on the order in which members are visited.
"""
