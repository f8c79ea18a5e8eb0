/**
 * The policy that `--policy public` names: the witnesses that cosign sum.golang.org in public.
 *
 * 11 of 16 is the smallest threshold above two thirds: it tolerates 5 lying and 5 silent witnesses. With a smaller one,
 *   a log could show two histories to two sets of witnesses that have few in common; docs/exchange.md says which risks
 *   remain.
 */

/** Its name where a policy file is expected. A file of that name is `./public`. */
export const PUBLIC = 'public'

/**
 * The last day on which the list is known to have had these keys. They were read later, from an undated copy; a date
 * that is too recent would keep users from looking for a newer list.
 */
export const PUBLIC_POLICY_DATE = '2025-09-30'

export const PUBLIC_POLICY = `# The witnesses that cosign sum.golang.org in public: ArmoredWitness devices, whose lines a distributor collects.
# From config/witnesses-prod.yaml of transparency-dev/distributor (commit c3e02e9). It has the keys as type 0x01;
# these are the same keys as type 0x04, which is what they cosign with.
log sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8 https://sum.golang.org
witness autumn-wood ArmoredWitness-autumn-wood+a996f95d+BOsIVCbad7gbU07JnA6YfZD0qg4B1c8xF4ISdnt9vjip
witness dry-sunset ArmoredWitness-dry-sunset+b92ea3f7+BAPzi+erfxCBvjk6nmndWU2aGEoO7zawoatven8Fvv/D
witness falling-pond ArmoredWitness-falling-pond+eabdca0d+BFTEhiyrpO+UL+Grxq+2XWPLoKVdPmMT/1kVS4WG2ILi
witness floral-sky ArmoredWitness-floral-sky+c7cf0b6d+BOkCmTmKTTnQMNqIigkj7PFnhogawSJD23PJ8M8qLYDm
witness hidden-river ArmoredWitness-hidden-river+c81f7b6c+BNrpNMfMH0W6iYo9/hJl1JKmxYQF3ewUP8FvhKD1iOOl
witness icy-sun ArmoredWitness-icy-sun+ac8578bf+BPlD2IuT6uOo8vzXcY2e088bmm9hjzPVmHHVrDhfmxHF
witness morning-darkness ArmoredWitness-morning-darkness+a95fb28c+BHugA2VGdDmLYt1wqzaaP3UKSGcDVNZveRJYJ1FKC5+9
witness nameless-firefly ArmoredWitness-nameless-firefly+66b54386+BAdRiZgMwTiPqGhsdDICiBLeMYLiV+IZRj988o1J1XPd
witness quiet-wood ArmoredWitness-quiet-wood+0d7dae9e+BJtxeZvnMbFf6bVPN81vIvlJnT4zCdq8tYi/guI0hEkT
witness rough-wind ArmoredWitness-rough-wind+ab97b192+BOoxk0r7hjKVjeL7N92b+ruNx5Yd6memrkxX8aHKJu73
witness shy-wind ArmoredWitness-shy-wind+c0a9f200+BBmL7SaHvPYPwkbq41g/KpdkKH7OZaoaqfK2sEoWKL4d
witness small-breeze ArmoredWitness-small-breeze+9d1ab951+BAAWYpUjfGGPQiWOgt6sLWap0P9rVOe+Ofu2uNZbO4FD
witness snowy-sound ArmoredWitness-snowy-sound+884589ef+BAuFudRsy9HPp4oZsE+PxDWVODkMnYJnXonSQzIXqq1Q
witness throbbing-bird ArmoredWitness-throbbing-bird+4deef54f+BJgUml1zmzuqd3Eo9hdTHOi2VNJFAqfhUSRMxbdZdme8
witness wispy-wood ArmoredWitness-wispy-wood+340ddb1c+BEVvZZ4LDvpljjooleJ3WnxnVK4J1YQiQbtgPWSVFwaP
witness weathered-rain ArmoredWitness-weathered-rain+0a78df20+BGLblKp5JuiyrgRh6ev2nNJ5XAd+sc/mM2D2HW/b4d5S
group public 11 autumn-wood dry-sunset falling-pond floral-sky hidden-river icy-sun morning-darkness nameless-firefly quiet-wood rough-wind shy-wind small-breeze snowy-sound throbbing-bird wispy-wood weathered-rain
quorum public
`
