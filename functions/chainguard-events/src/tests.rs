//! The function as a whole, with the outside in memory.

mod deliveries;
mod drift;
mod faults;
mod forgeries;
mod world;
