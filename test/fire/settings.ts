/** What the environment says of the model. */
const { FIRE_CRASHES, FIRE_SEED, FIRE_PATH, FIRE_SHRINK } = process.env

/** The same in every run that asks for no other: a red run is about the change that made it red. */
const SEED = 13

export const FIRE = {
  /** How often a process ends in the middle of something. */
  crashes: Number(FIRE_CRASHES ?? 10_000),
  /** FIRE_SEED=random looks further. */
  seed: FIRE_SEED === 'random' ? Math.floor(Math.random() * 2 ** 31) : Number(FIRE_SEED ?? SEED),
  /** Of what failed, as fast-check says it: that alone is replayed. */
  path: FIRE_PATH,
  /** Whether what failed is made smaller. */
  shrinks: FIRE_SHRINK !== '0',
}
