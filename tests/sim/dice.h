/* dice: where all chance comes from: splitmix64 (Steele, Lea, Flood, 2014). Each concern of the world has dice of its
 * own, so that turning one kind of fault off leaves what the others roll as it was.
 */
#ifndef DIBS_SIM_DICE_H
#define DIBS_SIM_DICE_H

#include <stdbool.h>
#include <stdint.h>

struct dice {
	uint64_t state;
};

static inline struct dice dice_for(uint64_t seed, uint64_t concern)
{
	return (struct dice){seed * UINT64_C(0xd1342543de82ef95) ^ concern * UINT64_C(0x9e3779b97f4a7c15)};
}

static inline uint64_t dice_roll(struct dice *dice)
{
	uint64_t z = (dice->state += UINT64_C(0x9e3779b97f4a7c15));
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static inline uint32_t dice_below(struct dice *dice, uint32_t below)
{
	return (uint32_t)(((dice_roll(dice) >> 32) * below) >> 32);
}

/* low..high, both included */
static inline uint32_t dice_from(struct dice *dice, uint32_t low, uint32_t high)
{
	return low + dice_below(dice, high - low + 1);
}

static inline bool dice_one_in(struct dice *dice, uint32_t of)
{
	return of && dice_below(dice, of) == 0;
}

static inline bool dice_percent(struct dice *dice, uint32_t percent)
{
	return dice_below(dice, 100) < percent;
}

#endif
