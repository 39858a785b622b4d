//! Devices: what clients run on, and with how many of them an account may be online at a time.

/// What a client runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Platform {
    Android,
    Ios,
    Harmony,
    Windows,
    Mac,
    Linux,
    Web,
}

impl Platform {
    pub const ALL: [Self; 7] =
        [Self::Android, Self::Ios, Self::Harmony, Self::Windows, Self::Mac, Self::Linux, Self::Web];

    pub fn name(self) -> &'static str {
        match self {
            Self::Android => "android",
            Self::Ios => "ios",
            Self::Harmony => "harmony",
            Self::Windows => "windows",
            Self::Mac => "mac",
            Self::Linux => "linux",
            Self::Web => "web",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|platform| platform.name() == name)
    }
}

/// With how many devices an account may be online at a time. Who logs in last stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DevicePolicy {
    #[default]
    Any,
    OnePerPlatform,
    One,
}

impl DevicePolicy {
    pub const ALL: [Self; 3] = [Self::Any, Self::OnePerPlatform, Self::One];

    pub fn name(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::OnePerPlatform => "one_per_platform",
            Self::One => "one",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.name() == name)
    }

    /// Whether two devices may be online together. Those that name no platform are of one platform, so that nobody gets
    /// around the policy by silence.
    pub fn allows(self, one: Option<Platform>, other: Option<Platform>) -> bool {
        match self {
            Self::Any => true,
            Self::OnePerPlatform => one != other,
            Self::One => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_says_which_platforms_go_together() {
        let (ios, web) = (Some(Platform::Ios), Some(Platform::Web));
        for (policy, same, different, unnamed) in [
            (DevicePolicy::Any, true, true, true),
            (DevicePolicy::OnePerPlatform, false, true, false),
            (DevicePolicy::One, false, false, false),
        ] {
            assert_eq!(policy.allows(ios, ios), same, "{policy:?}");
            assert_eq!(policy.allows(ios, web), different, "{policy:?}");
            assert_eq!(policy.allows(ios, None), different, "{policy:?}");
            assert_eq!(policy.allows(None, None), unnamed, "{policy:?}");
        }
    }
}
