/** What the environment says of the model. */
const { FIRE_CRASHES, FIRE_SEED, FIRE_PATH, FIRE_SHRINK } = process.env

export const FIRE = {
  /** How often a process ends in the middle of something. */
  crashes: Number(FIRE_CRASHES ?? 10_000),
  seed: FIRE_SEED === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(FIRE_SEED),
  /** Of what failed, as fast-check says it: that alone is replayed. */
  path: FIRE_PATH,
  /** Whether what failed is made smaller. */
  shrinks: FIRE_SHRINK !== '0',
}
