package people

import (
	"github.com/spf13/cobra"

	"postern/cmd/postern/command"
	"postern/cmd/postern/control"
)

func nameClaim(p *command.Program) *cobra.Command {
	return &cobra.Command{
		Use:   "claim NAME",
		Short: "Claim a name at the storage",
		Long: `Claims a name, first come first served, so that others at the same storage find you by it. The storage can
guess names, but learns nothing else: the record is sealed.`,
		Args: command.Exactly(1, "one name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.WithGateway(cmd.Context(), func(g control.Gateway) error {
				name, err := g.ClaimName(cmd.Context(), args[0])
				if err == nil {
					p.Printf("the name %s is yours: others ask you by postern friend add %s\n", name, name)
				}
				return err
			})
		},
	}
}

func nameShow(p *command.Program) *cobra.Command {
	return &cobra.Command{
		Use:   "show",
		Short: "Show this account's name and fingerprint",
		Long: `Shows the name and the words of the fingerprint. On a terminal they are there as a QR code, too: a friend
scans it and compares.`,
		Args: command.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.WithGateway(cmd.Context(), func(g control.Gateway) error {
				me, err := g.Me(cmd.Context())
				if err != nil {
					return err
				}
				if me.Name == "" {
					p.Printf("No name is claimed: postern name claim NAME claims one.\n")
				} else {
					p.Printf("name: %s\n", me.Name)
				}
				p.Printf("fingerprint: %s\n", me.Fingerprint)
				if p.OnScreen() {
					p.Print(qrCode(me.Fingerprint))
				}
				return nil
			})
		},
	}
}
