//! Messages that were said at a point, and members who hear only what was said near them.

/// A point in an app's own space, in its own unit. Its coordinates are finite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    x: f64,
    y: f64,
    z: f64,
}

/// Where a member is, and how far it hears.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reach {
    at: Point,
    distance: f64,
}

/// What three coordinates that are all zero mean: there are clients that always send them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    IsNoPoint,
    IsAPoint,
}

/// A coordinate or a distance that no place has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpaceError {
    #[error("a coordinate is not finite")]
    Coordinate,
    /// Infinite it may be: then the member hears everything.
    #[error("a distance is negative or no number")]
    Distance,
}

impl Point {
    /// # Errors
    /// A coordinate is not finite.
    pub fn new(x: f64, y: f64, z: f64) -> Result<Self, SpaceError> {
        let is_finite = [x, y, z].into_iter().all(f64::is_finite);
        if is_finite { Ok(Self { x, y, z }) } else { Err(SpaceError::Coordinate) }
    }

    /// The point that a request gives: none if no coordinate was given; one that was not given beside others is 0, as on
    /// a map without heights.
    ///
    /// # Errors
    /// A coordinate is not finite.
    pub fn given(coordinates: [Option<f64>; 3], origin: Origin) -> Result<Option<Self>, SpaceError> {
        if coordinates == [None; 3] {
            return Ok(None);
        }
        let [x, y, z] = coordinates.map(Option::unwrap_or_default);
        let is_origin = [x, y, z] == [0.0; 3];
        match origin {
            Origin::IsNoPoint if is_origin => Ok(None),
            Origin::IsNoPoint | Origin::IsAPoint => Self::new(x, y, z).map(Some),
        }
    }
}

impl Reach {
    /// # Errors
    /// The distance is negative or no number.
    pub fn new(at: Point, distance: f64) -> Result<Self, SpaceError> {
        if distance >= 0.0 { Ok(Self { at, distance }) } else { Err(SpaceError::Distance) }
    }

    pub fn at(&self) -> Point {
        self.at
    }

    pub fn distance(&self) -> f64 {
        self.distance
    }

    /// Whether what is said at `point` is heard: at exactly the distance, it is.
    #[inline]
    pub fn covers(&self, point: &Point) -> bool {
        let [x, y, z] = [self.at.x - point.x, self.at.y - point.y, self.at.z - point.z];
        // Squares that overflow are infinite on both sides, and an infinite distance covers all.
        x * x + y * y + z * z <= self.distance * self.distance
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_hears_what_is_said_up_to_its_distance() {
        let table = [
            ([0.0, 0.0, 0.0], [3.0, 4.0, 0.0], 5.0, true),
            ([0.0, 0.0, 0.0], [3.0, 4.0, 0.0], 4.999, false),
            ([1.0, 1.0, 1.0], [3.0, 4.0, 7.0], 7.0, true),
            ([1.0, 1.0, 1.0], [-1.0, -2.0, -5.0], 7.0, true),
            ([1.0, 1.0, 1.0], [1.0, 1.0, 1.0], 0.0, true),
            ([1.0, 1.0, 1.0], [1.0, 1.0, 1.1], 0.0, false),
            ([f64::MAX, 0.0, 0.0], [-f64::MAX, 0.0, 0.0], f64::INFINITY, true),
            ([f64::MAX, 0.0, 0.0], [-f64::MAX, 0.0, 0.0], 1.0, false),
        ];
        for (member, message, distance, hears) in table {
            let [member, message] = [member, message].map(|[x, y, z]| Point::new(x, y, z).unwrap());
            assert_eq!(
                Reach::new(member, distance).unwrap().covers(&message),
                hears,
                "{member:?} {message:?} {distance}"
            );
        }
    }

    #[test]
    fn a_point_is_given_by_any_coordinate_and_three_zeros_are_what_the_setting_says() {
        use Origin::{IsAPoint, IsNoPoint};
        let point = |x, y, z| Ok(Some(Point { x, y, z }));
        let table = [
            ([None, None, None], IsAPoint, Ok(None)),
            ([Some(0.0), Some(-0.0), Some(0.0)], IsNoPoint, Ok(None)),
            ([Some(0.0), Some(0.0), Some(0.0)], IsAPoint, point(0.0, 0.0, 0.0)),
            ([Some(0.0), None, None], IsNoPoint, Ok(None)),
            ([Some(0.0), None, None], IsAPoint, point(0.0, 0.0, 0.0)),
            ([Some(0.0), Some(0.0), Some(1.0)], IsNoPoint, point(0.0, 0.0, 1.0)),
            ([Some(1.5), Some(-2.0), None], IsNoPoint, point(1.5, -2.0, 0.0)),
            ([Some(f64::NAN), None, None], IsNoPoint, Err(SpaceError::Coordinate)),
            ([None, Some(f64::INFINITY), None], IsNoPoint, Err(SpaceError::Coordinate)),
        ];
        for (coordinates, origin, expected) in table {
            assert_eq!(Point::given(coordinates, origin), expected, "{coordinates:?} {origin:?}");
        }
    }

    #[test]
    fn a_distance_is_not_negative() {
        let at = Point::new(0.0, 0.0, 0.0).unwrap();
        for distance in [-1.0, f64::NAN, f64::NEG_INFINITY] {
            assert_eq!(Reach::new(at, distance), Err(SpaceError::Distance));
        }
    }
}
